"""The safetensors format: a length, a JSON header, and tensors one after the other.

Read here in a page, since the whole format is one (github.com/huggingface/safetensors): 8 bytes
with the header's length, little-endian; the header, `{name: {dtype, shape, data_offsets}}`; the
tensors' bytes, without gaps.
"""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any, Dict, List, Optional, Tuple

import torch
from torch import Tensor

from runtime.errors import InvalidInput

_PREFIX = 8
_LONGEST_HEADER = 100_000_000  # the reference implementation's bound
_METADATA = "__metadata__"
_DTYPES: Dict[str, torch.dtype] = {
    "F64": torch.float64,
    "F32": torch.float32,
    "F16": torch.float16,
    "BF16": torch.bfloat16,
    "I64": torch.int64,
    "I32": torch.int32,
    "I16": torch.int16,
    "I8": torch.int8,
    "U8": torch.uint8,
    "BOOL": torch.bool,
}


def is_safetensors(data: bytes) -> bool:
    """Whether bytes begin as the format does: a plausible length, and a JSON object after it."""
    length = int.from_bytes(data[:_PREFIX], "little")
    return data[_PREFIX : _PREFIX + 1] == b"{" and 2 <= length <= _LONGEST_HEADER


def tensors_of(path: Path, data: bytes) -> Dict[str, Tensor]:
    """All tensors of a file, on the CPU.

    Args:
        path: of the file, for complaints.
        data: all of it.

    Raises:
        InvalidInput: the header is broken, or is not that of these bytes.
    """
    body = _PREFIX + int.from_bytes(data[:_PREFIX], "little")
    if body > len(data):
        raise _cut_short(path)
    try:
        header = json.loads(data[_PREFIX:body].decode("utf-8"))
    except (ValueError, RecursionError) as error:
        raise _broken(path, f"its header is not JSON ({error})") from error
    tensors: Dict[str, Tensor] = {}
    end = body
    for name, begin, length, entry in _in_order(path, header):
        if body + begin != end:
            raise _broken(path, f"there is a gap before {name}")
        end += length
        if end > len(data):
            raise _cut_short(path)
        tensors[name] = _tensor(path, name, entry, data[end - length : end])
    if end != len(data):
        raise _broken(path, f"{len(data) - end} bytes follow the last tensor")
    return tensors


def _in_order(path: Path, header: Dict[str, Any]) -> List[Tuple[str, int, int, Dict[str, Any]]]:
    """Name, first byte, number of bytes and entry of each tensor, as they lie in the file."""
    found = []
    for name, entry in header.items():
        if name == _METADATA:
            continue
        offsets = _counts(entry.get("data_offsets")) if isinstance(entry, dict) else None
        if offsets is None or len(offsets) != 2 or offsets[0] > offsets[1]:
            raise _broken(path, f"it does not say where {name} lies")
        found.append((name, offsets[0], offsets[1] - offsets[0], entry))
    return sorted(found, key=lambda each: each[1:3])


def _tensor(path: Path, name: str, entry: Dict[str, Any], data: bytes) -> Tensor:
    dtype, shape = _DTYPES.get(str(entry.get("dtype"))), _counts(entry.get("shape"))
    if dtype is None:
        raise InvalidInput(
            f"{path} has numbers of type {entry.get('dtype')} in {name}",
            "Give the weights in F32, F16 or BF16",
        )
    if shape is None or math.prod(shape) * dtype.itemsize != len(data):
        raise _broken(path, f"{name} has {len(data)} bytes for the shape {entry.get('shape')}")
    if not data:
        return torch.empty(shape, dtype=dtype)
    # A copy, since torch wants memory that it may write to, and aligned for the type.
    return torch.frombuffer(bytearray(data), dtype=dtype).reshape(shape)


def _counts(values: object) -> Optional[List[int]]:
    """A list of whole numbers that are not negative, or nothing."""
    if isinstance(values, list) and all(type(value) is int and value >= 0 for value in values):
        return values
    return None


def _broken(path: Path, reason: str) -> InvalidInput:
    return InvalidInput(f"{path} is no sound safetensors file: {reason}", "Fetch it again")


def _cut_short(path: Path) -> InvalidInput:
    return InvalidInput(f"{path} is cut short: its header announces more bytes", "Fetch it again")
