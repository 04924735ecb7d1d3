from __future__ import annotations

import gzip
import io
import pickle
import random
import tarfile
import zipfile
from pathlib import Path
from typing import Callable

import numpy as np
import pytest
import torch
from torch import nn

from runtime.builder.swiftnet import SwiftNet
from runtime.builder.weights.weights_file import read_weights
from runtime.errors import InvalidInput
from tests.builder.networks import narrow

STATE = {"weight": torch.arange(6.0).reshape(2, 3), "bias": torch.ones(2)}


def saved(content: object, **options: bool) -> bytes:
    file = io.BytesIO()
    torch.save(content, file, **options)
    return file.getvalue()


def zipped() -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("readme.txt", "the weights are elsewhere")
    return file.getvalue()


def tarred() -> bytes:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w") as archive:
        archive.addfile(tarfile.TarInfo("weights.pt"))
    return file.getvalue()


def scripted() -> bytes:
    file = io.BytesIO()
    torch.jit.save(torch.jit.script(nn.Linear(2, 2)), file)
    return file.getvalue()


@pytest.mark.parametrize("new", [True, False])
def test_both_formats_of_torch_are_read(tmp_path: Path, new: bool) -> None:
    (tmp_path / "a.pt").write_bytes(saved(STATE, _use_new_zipfile_serialization=new))

    read = read_weights(tmp_path / "a.pt").content

    assert all(torch.equal(read[key], tensor) for key, tensor in STATE.items())


class Evil:
    def __reduce__(self) -> tuple[object, ...]:
        return (Path.touch, (Path("code-of-a-checkpoint-was-run"),))


@pytest.mark.filterwarnings("ignore:.*torch.jit.*is deprecated")
@pytest.mark.parametrize(
    ("data", "said", "cure"),
    [
        (lambda: b"", "is empty", "Fetch"),
        (lambda: b"version https://git-lfs.github.com/spec/v1\n", "Git LFS", "git lfs pull"),
        (lambda: b"\n<!DOCTYPE html><html>", "web page", "Download the file itself"),
        (lambda: b'{"a": 1}', "JSON", "torch.save"),
        (lambda: b"\x89PNG\r\n\x1a\n", "PNG image", "torch.save"),
        (lambda: gzip.compress(saved(STATE)), "gzip archive", "Unpack"),
        (zipped, "zip archive", "Unpack"),
        (tarred, "tar archive", "Unpack"),
        (scripted, "TorchScript", "torch.jit.load"),
        (lambda: b"random bytes", "no file of weights", "torch.save"),
        (lambda: pickle.dumps({"a": 1}), "torch.save did not write", "state_dict"),
        (lambda: pickle.dumps(Evil()), "torch.save did not write", "state_dict"),
        (lambda: saved(Evil()), "tensors and plain values alone", "state_dict"),
        (lambda: saved(SwiftNet(narrow())), "it holds runtime.builder.swiftnet", "state_dict"),
        (lambda: saved({"miou": np.float64(0.5)}), "it holds numpy", "weights_only=False"),
        (lambda: saved([1, 2]), "holds a list", "state_dict"),
        (lambda: saved(torch.zeros(3)), "holds a Tensor", "state_dict"),
    ],
)
def test_what_is_given_instead_is_named_with_the_cure(
    tmp_path: Path, data: Callable[[], bytes], said: str, cure: str
) -> None:
    (tmp_path / "a.pt").write_bytes(data())
    with pytest.raises(InvalidInput, match=rf"a\.pt .*{said}") as refused:
        read_weights(tmp_path / "a.pt")
    assert cure in refused.value.cure
    assert not Path("code-of-a-checkpoint-was-run").exists()


def test_folders_and_links_to_nowhere_are_named(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="is a folder"):
        read_weights(tmp_path)
    (tmp_path / "a.pt").symlink_to(tmp_path / "nowhere")
    with pytest.raises(InvalidInput, match=r"no checkpoint .*a\.pt"):
        read_weights(tmp_path / "a.pt")


def test_a_flipped_bit_never_becomes_a_weight(tmp_path: Path) -> None:
    whole, random_ = saved(STATE), random.Random(0)
    path = tmp_path / "a.pt"
    for _ in range(800):
        damaged = bytearray(whole)
        damaged[random_.randrange(len(whole))] ^= 1 << random_.randrange(8)
        path.write_bytes(damaged)
        try:
            content = read_weights(path).content
        except InvalidInput as refused:
            assert "a.pt" in refused.problem  # noqa: PT017 -- a flip of padding is no damage
            continue
        assert content.keys() == STATE.keys()
        assert all(torch.equal(content[key], tensor) for key, tensor in STATE.items())


@pytest.mark.parametrize("new", [True, False])
def test_a_file_cut_anywhere_is_refused(tmp_path: Path, new: bool) -> None:
    whole = saved(STATE, _use_new_zipfile_serialization=new)
    for length in range(0, len(whole), 7):
        (tmp_path / "a.pt").write_bytes(whole[:length])
        with pytest.raises(InvalidInput, match=r"a\.pt"):
            read_weights(tmp_path / "a.pt")


def test_damage_to_the_old_format_is_never_a_traceback(tmp_path: Path) -> None:
    whole, random_ = saved(STATE, _use_new_zipfile_serialization=False), random.Random(0)
    for _ in range(1000):
        damaged = bytearray(whole)
        damaged[random_.randrange(len(whole))] = random_.randrange(256)
        (tmp_path / "a.pt").write_bytes(damaged)
        try:
            read_weights(tmp_path / "a.pt")
        except InvalidInput as refused:
            assert "a.pt" in refused.problem  # noqa: PT017 -- weights have no checksum there
