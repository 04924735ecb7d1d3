"""The shipped binaries are what the sources compile to, here and now."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Dict

import pytest

from runtime.cuda.kernels.binaries import FOLDER, MANIFEST_NAME
from runtime.cuda.kernels.compile import OPTIONS, Compiled, compiled, differences, main, write
from runtime.cuda.kernels.nvrtc import Nvrtc, packaged_library
from runtime.cuda.kernels.resources import Resources, resources_in, table
from runtime.cuda.kernels.sources import MAIN, digest, texts
from runtime.errors import BuildFailed

Record = Dict[str, Any]
PAGE = Path(__file__).resolve().parents[3] / "docs" / "kernels.md"
LOG = """\
ptxas info    : Compiling entry function 'labels' for 'sm_72'
ptxas info    : Function properties for labels
ptxas         .     8 bytes stack frame, 12 bytes spill stores, 16 bytes spill loads
ptxas info    : Used 61 registers, 7600 bytes smem, 1232 bytes cmem[0]
ptxas info    : Compiling entry function 'blur' for 'sm_72'
ptxas info    : Function properties for blur
ptxas         .     0 bytes stack frame, 0 bytes spill stores, 0 bytes spill loads
ptxas info    : Used 19 registers, 392 bytes cmem[0]
"""


@pytest.fixture(scope="module")
def manifest() -> Record:
    loaded: Record = json.loads((FOLDER / MANIFEST_NAME).read_text(encoding="utf-8"))
    return loaded


@pytest.fixture(scope="module")
def compiler() -> Nvrtc:
    return Nvrtc(packaged_library())


def test_the_binaries_were_made_from_these_sources(manifest: Record) -> None:
    assert manifest["sources_sha256"] == digest(), "run `make kernels`"
    assert manifest["options"] == list(OPTIONS)


def test_nothing_spills_and_nothing_is_kept_in_local_memory(manifest: Record) -> None:
    cubins = [record for name, record in manifest["binaries"].items() if name.endswith(".cubin")]
    kernels = [taken for record in cubins for taken in record["kernels"].values()]
    assert len(kernels) == 11 * len(cubins)
    assert {(taken["spilled"], taken["stack"]) for taken in kernels} == {(0, 0)}


def test_the_page_shows_what_the_manifest_says(manifest: Record) -> None:
    assert table(manifest["binaries"]) in PAGE.read_text(encoding="utf-8"), "copy the table"


def test_resources_are_read_from_the_assembler_s_log() -> None:
    assert resources_in(LOG) == {
        "blur": Resources(registers=19, shared=0, stack=0, spilled=0),
        "labels": Resources(registers=61, shared=7600, stack=8, spilled=28),
    }


@pytest.mark.nvrtc
def test_compiling_again_gives_the_shipped_bytes(compiler: Nvrtc) -> None:
    assert compiler.version == (11, 8)
    assert differences(compiled(compiler), FOLDER) == []


def test_what_is_written_is_found_again_and_what_changed_is_named(tmp_path: Path) -> None:
    made = Compiled({"sm_72.cubin": b"code"}, {"binaries": {}})
    write(made, tmp_path)
    assert differences(made, tmp_path) == []
    (tmp_path / "sm_72.cubin").write_bytes(b"other")
    assert differences(made, tmp_path) == ["sm_72.cubin"]


@pytest.mark.nvrtc
def test_a_source_that_does_not_compile_is_quoted(compiler: Nvrtc) -> None:
    broken = {**texts(), MAIN: b"__global__ void kernel() { nonsense; }"}
    with pytest.raises(BuildFailed, match='identifier "nonsense" is undefined'):
        compiler.compiled(MAIN, broken, ["--gpu-architecture=sm_72"])


@pytest.mark.nvrtc
def test_an_architecture_that_it_does_not_know_is_a_fault(compiler: Nvrtc) -> None:
    with pytest.raises(BuildFailed):
        compiler.compiled(MAIN, texts(), ["--gpu-architecture=sm_13"])


def test_a_library_that_is_not_there_names_the_package() -> None:
    with pytest.raises(BuildFailed, match="nvidia-cuda-nvrtc-cu11"):
        main(["--library", "/nowhere/libnvrtc.so", "--check"])
