from __future__ import annotations

import shutil
from pathlib import Path
from typing import Tuple

import pytest

from runtime.cuda.kernels.binaries import CUBIN_CAPABILITIES, FOLDER, code_for, code_name
from runtime.errors import EngineRefused


@pytest.mark.parametrize("capability", CUBIN_CAPABILITIES)
def test_every_architecture_that_we_name_has_its_cubin(capability: Tuple[int, int]) -> None:
    code = code_for(capability)
    assert code.name == "sm_{}{}.cubin".format(*capability)
    assert code.content.startswith(b"\x7fELF")


@pytest.mark.parametrize("capability", [(7, 0), (8, 8), (10, 0), (11, 0), (12, 1)])
def test_other_devices_translate_the_ptx(capability: Tuple[int, int]) -> None:
    code = code_for(capability)
    assert code.name == "compute_70.ptx"
    # The driver takes PTX as a C string.
    assert code.content.index(b"\0") == len(code.content) - 1
    assert code.content.lstrip().startswith(b"//")


@pytest.mark.parametrize("capability", [(5, 3), (6, 2)])
def test_older_devices_are_refused(capability: Tuple[int, int]) -> None:
    with pytest.raises(EngineRefused, match=r"needs? 7\.0"):
        code_name(capability)


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    return Path(shutil.copytree(FOLDER, tmp_path / "binaries"))


def test_a_changed_binary_is_refused(copy: Path) -> None:
    (copy / "sm_72.cubin").write_bytes(b"\x7fELF, but another")
    with pytest.raises(EngineRefused, match=r"sm_72\.cubin has the hash"):
        code_for((7, 2), copy)


def test_a_missing_binary_is_refused(copy: Path) -> None:
    (copy / "sm_87.cubin").unlink()
    with pytest.raises(EngineRefused, match=r"sm_87\.cubin cannot be read"):
        code_for((8, 7), copy)


def test_products_are_never_fused_with_sums() -> None:
    ptx = code_for((7, 0)).content.decode("ascii", "strict")
    assert "mul.rn.f32" in ptx
    assert "fma." not in ptx
    assert "mad.f32" not in ptx
