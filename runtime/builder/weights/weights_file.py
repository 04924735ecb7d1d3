"""Files of weights as they come: torch.save's two formats and safetensors, read without running
any code of theirs, and a name for everything that people give instead.
"""

from __future__ import annotations

import hashlib
import io
import pickle
import re
import struct
import warnings
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Mapping, NoReturn, Optional, Tuple

import torch

from runtime.builder.weights.safetensors_file import is_safetensors, tensors_of
from runtime.errors import InvalidInput

_ZIP = b"PK\x03\x04"
_LEGACY = b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19."
_SAVE = 'Save the network where it was trained: `torch.save(model.state_dict(), "weights.pt")`'
_AGAIN = "Fetch the file again; it is not whole"
_NO_WEIGHTS = "Give a file that torch.save or safetensors wrote"
# What unpickling of bytes that nobody vouches for ends in; the pickle module promises no less.
_UNREADABLE = (
    *(pickle.UnpicklingError, struct.error, EOFError, LookupError, ValueError, TypeError),
    *(AttributeError, RuntimeError, AssertionError, OverflowError, MemoryError, OSError),
    ImportError,
)
_BROKEN_ZIP = (
    *(zipfile.BadZipFile, zlib.error, EOFError, ValueError, LookupError, OSError),
    *(RuntimeError, OverflowError),  # "encrypted" and "compression not supported" among others
)
# How files begin that are often given for weights, what they are, and what to do.
_OTHERS: Tuple[Tuple[bytes, str, str], ...] = (
    (b"version https://git-lfs", "a pointer of Git LFS, not the file itself", "Run `git lfs pull`"),
    (b"\x80", "a pickle that torch.save did not write", _SAVE),
    (b"\x89HDF", "an HDF5 file, as Keras writes them", _NO_WEIGHTS),
    (b"\x89PNG", "a PNG image", _NO_WEIGHTS),
    (b"\xff\xd8\xff", "a JPEG image", _NO_WEIGHTS),
    (b"\x1f\x8b", "a gzip archive", "Unpack it and give what is inside"),
    (b"<", "a web page or XML file", "Download the file itself, not the page that offers it"),
    (b"{", "a JSON file", _NO_WEIGHTS),
)


@dataclass(frozen=True)
class WeightsFile:
    """A file of tensors and plain values.

    Attributes:
        path: where it was read.
        content: the outermost dictionary.
        sha256: of the file.
    """

    path: Path
    content: Mapping[Any, Any]
    sha256: str


def read_weights(path: Path, what: str = "checkpoint") -> WeightsFile:
    """Reads tensors and plain values from a file, on the CPU; nothing in it is run.

    The checksums of a zip archive, torch.save's format since PyTorch 1.6, are verified first, so
    that no flipped bit becomes a weight. The older format and safetensors have none.

    Args:
        path: the file.
        what: it should be, for complaints.

    Raises:
        InvalidInput: there is no such file, it is damaged, or holds something else.
    """
    if path.is_dir():
        raise InvalidInput(f"{path} is a folder, not a {what}", "Give the file inside it")
    if not path.is_file():
        raise InvalidInput(f"there is no {what} {path}", "Give the path of an existing file")
    data = path.read_bytes()
    content: Any = tensors_of(path, data) if is_safetensors(data) else _torch_content(path, data)
    if not isinstance(content, dict):
        raise InvalidInput(f"{path} holds a {type(content).__name__}, not a dictionary", _SAVE)
    return WeightsFile(path, content, hashlib.sha256(data).hexdigest())


def _torch_content(path: Path, data: bytes) -> Any:
    if data.startswith(_ZIP):
        _require_sound_archive(path, data)
    elif not data.startswith(_LEGACY):
        _refuse_other(path, data)
    try:
        with warnings.catch_warnings():
            # Torch's hints to programmers about the pickle inside are none to the file's user.
            warnings.simplefilter("ignore")
            return torch.load(io.BytesIO(data), map_location="cpu", weights_only=True)
    except _UNREADABLE as error:
        raise _not_plain(path, error) from error


def _require_sound_archive(path: Path, data: bytes) -> None:
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            names = {Path(name).name for name in archive.namelist()}
            damaged: Optional[str] = archive.testzip()
    except _BROKEN_ZIP as error:
        raise InvalidInput(f"{path} is damaged or cut short", _AGAIN) from error
    if damaged is not None:
        raise InvalidInput(
            f"{path} is damaged: {damaged} does not have the checksum it was saved with", _AGAIN
        )
    if "constants.pkl" in names:
        raise InvalidInput(
            f"{path} is a TorchScript program, which runs code when loaded",
            "Save its weights alone: "
            f"`torch.save(torch.jit.load({path.name!r}).state_dict(), 'weights.pt')`",
        )
    if "data.pkl" not in names:
        raise InvalidInput(
            f"{path} is a zip archive without tensors of torch.save",
            "Unpack it and give the file of weights inside",
        )


def _refuse_other(path: Path, data: bytes) -> NoReturn:
    if not data:
        raise InvalidInput(f"{path} is empty", _AGAIN)
    if data[257:262] == b"ustar":
        raise InvalidInput(f"{path} is a tar archive", "Unpack it and give what is inside")
    if path.suffix == ".onnx":
        raise InvalidInput(
            f"{path} is an ONNX file, which is made from a checkpoint", "Give the checkpoint"
        )
    begin = data[:64].lstrip()
    for start, kind, cure in _OTHERS:
        if begin.startswith(start):
            raise InvalidInput(f"{path} is {kind}", cure)
    raise InvalidInput(f"{path} is no file of weights (it begins {data[:8].hex()})", _NO_WEIGHTS)


def _not_plain(path: Path, error: Exception) -> InvalidInput:
    named = re.search(r"(?:GLOBAL|Unsupported class) ([\w.]+)", str(error))
    if named is not None:
        return InvalidInput(
            f"{path} cannot be read as tensors and plain values alone: it holds {named[1]}, and "
            "what rebuilds that is code, which a file of weights may not run",
            f"{_SAVE}; or, where you trust the file, `c = torch.load({path.name!r}, "
            "weights_only=False); torch.save(c['state_dict'], 'weights.pt')`",
        )
    return InvalidInput(
        f"{path} cannot be read as tensors and plain values alone; it may be damaged or cut short",
        f"Fetch the file again. {_SAVE}",
    )
