from __future__ import annotations

import json
import random
import struct
from pathlib import Path
from typing import Any, Callable, Dict

import pytest
import torch
from torch import Tensor

from runtime.builder.checkpoint import load_checkpoint
from runtime.builder.swiftnet import SwiftNet
from runtime.builder.weights.safetensors_file import is_safetensors, tensors_of
from runtime.errors import InvalidInput
from tests.builder.networks import narrow

NAMES = {torch.float32: "F32", torch.float16: "F16", torch.bfloat16: "BF16", torch.int64: "I64"}
STATE = {"a": torch.arange(6.0).reshape(2, 3), "b": torch.tensor(3), "none": torch.empty(0, 2)}


def written(tensors: Dict[str, Tensor], **metadata: str) -> bytes:
    """A file as the format's definition says, written for the tests."""
    header: Dict[str, Any] = {"__metadata__": metadata} if metadata else {}
    body = b""
    for name, tensor in tensors.items():
        data = bytes(tensor.contiguous().view(-1).view(torch.uint8).tolist())
        header[name] = {
            "dtype": NAMES[tensor.dtype],
            "shape": list(tensor.shape),
            "data_offsets": [len(body), len(body) + len(data)],
        }
        body += data
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + body


def changed(change: Callable[[Dict[str, Any]], Any]) -> bytes:
    data = written(STATE)
    (length,) = struct.unpack_from("<Q", data)
    header = json.loads(data[8 : 8 + length])
    change(header)
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + data[8 + length :]


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16])
def test_tensors_are_what_was_written(dtype: torch.dtype) -> None:
    tensors = {**STATE, "a": STATE["a"].to(dtype)}
    data = written(tensors, format="pt")

    read = tensors_of(Path("a.safetensors"), data)

    assert is_safetensors(data)
    assert read.keys() == tensors.keys()
    assert all(torch.equal(read[k], t) and read[k].dtype == t.dtype for k, t in tensors.items())


def test_the_format_is_that_of_the_library(tmp_path: Path) -> None:
    library = pytest.importorskip("safetensors.torch")
    data = library.save(STATE)
    read = tensors_of(tmp_path, data)
    assert all(torch.equal(read[key], tensor) for key, tensor in STATE.items())


def test_a_checkpoint_may_be_of_this_format(tmp_path: Path) -> None:
    network = SwiftNet(narrow()).eval()
    path = tmp_path / "net.safetensors"
    path.write_bytes(written({f"model.{k}": v for k, v in network.state_dict().items()}))

    read = load_checkpoint(path)

    assert read.architecture == network.architecture
    image = torch.rand(1, 3, 64, 64)
    assert torch.equal(read.model(image), network(image))


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (written(STATE)[:-1], "cut short"),
        (written(STATE)[:40], "cut short"),
        (written(STATE) + b"x", "1 bytes follow"),
        (changed(lambda h: h["a"].update(dtype="F8_E4M3")), "type F8_E4M3 in a"),
        (changed(lambda h: h["a"].update(shape=[3, 3])), r"24 bytes for the shape \[3, 3\]"),
        (changed(lambda h: h["a"].update(shape=[-2, -3])), "24 bytes for the shape"),
        (changed(lambda h: h["b"].update(data_offsets=[25, 33])), "a gap before b"),
        (changed(lambda h: h["b"].update(data_offsets=[0, 8])), "a gap before"),
        (changed(lambda h: h["b"].pop("data_offsets")), "where b lies"),
        (changed(lambda h: h.update(b=3)), "where b lies"),
        (b"\x02\0\0\0\0\0\0\0{]", "not JSON"),
    ],
)
def test_a_header_that_is_not_that_of_the_bytes_is_refused(data: bytes, said: str) -> None:
    with pytest.raises(InvalidInput, match=said):
        tensors_of(Path("a.safetensors"), data)


def test_damage_is_never_a_traceback() -> None:
    whole, random_ = written(STATE), random.Random(0)
    for _ in range(2000):
        damaged = bytearray(whole)
        for _ in range(random_.randrange(1, 4)):
            damaged[random_.randrange(8, len(whole))] = random_.randrange(256)
        try:
            tensors_of(Path("a.safetensors"), bytes(damaged))
        except InvalidInput as refused:
            assert "a.safetensors" in refused.problem  # noqa: PT017 -- weights have no checksum
