from __future__ import annotations

import platform
import sys
from pathlib import Path
from typing import Optional

import pytest

from runtime.device.gpu import NoDriver, cuda_driver
from runtime.device.machine import (
    JetsonRelease,
    Machine,
    installed_backends,
    jetson_release,
    package_version,
    this_machine,
)
from tests.device.cuda_drivers import compiled_driver

# As JetPack 5.1.2 writes it.
L4T_35_4_1 = (
    "# R35 (release), REVISION: 4.1, GCID: 33958178, BOARD: t186ref, EABI: aarch64, "
    "DATE: Tue Aug  1 19:57:35 UTC 2023\n"
)
BOARD = "NVIDIA Jetson AGX Xavier Developer Kit"


def jetson(root: Path, release: str = L4T_35_4_1, board: str = f"{BOARD}\0") -> Path:
    for name, content in (("etc/nv_tegra_release", release), ("proc/device-tree/model", board)):
        if content:
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_text(content, encoding="utf-8")
    return root


def test_a_xavier_is_described_by_its_driver_and_its_files(tmp_path: Path) -> None:
    machine = this_machine(jetson(tmp_path), compiled_driver(tmp_path))
    assert machine.device == "Xavier (8 SMs)"
    assert machine.compute_capability == "7.2"
    assert machine.cuda == "11.4"
    assert machine.no_gpu is None
    assert machine.jetson == JetsonRelease("35.4.1", BOARD)
    assert machine.architecture == platform.machine()


def test_a_driver_without_a_gpu_is_not_a_missing_driver(tmp_path: Path) -> None:
    idle = this_machine(tmp_path, compiled_driver(tmp_path, INIT=100))
    assert (idle.cuda, idle.gpu, idle.no_gpu) == ("11.4", None, "NVIDIA's driver sees no GPU")
    bare = this_machine(tmp_path, str(tmp_path / "nothing.so"))
    assert (bare.cuda, bare.gpu) == (None, None)
    assert bare.no_gpu is not None
    assert "cannot be loaded" in bare.no_gpu


def test_the_machine_of_this_test_is_what_its_driver_says() -> None:
    machine = this_machine()
    assert (machine.gpu is None) == (machine.no_gpu is not None)
    if machine.cuda is None:
        with pytest.raises(NoDriver) as fault:
            cuda_driver()
        assert machine.no_gpu == fault.value.problem
    else:
        assert (machine.gpu is None) == (cuda_driver().gpus == ())


@pytest.mark.parametrize(
    ("l4t", "jetpack"),
    [("35.4.1", "5.1.2"), ("35.99.0", "5"), ("36.4.3", "6"), ("99.1", None), (None, None)],
)
def test_a_jetpack_is_named_as_far_as_it_is_known(
    l4t: Optional[str], jetpack: Optional[str]
) -> None:
    assert JetsonRelease(l4t).jetpack == jetpack


def test_a_container_on_a_jetson_may_know_only_the_board_or_only_the_release(
    tmp_path: Path,
) -> None:
    assert jetson_release(jetson(tmp_path / "a", release="")) == JetsonRelease(None, BOARD)
    assert jetson_release(jetson(tmp_path / "b", board="")) == JetsonRelease("35.4.1", None)


def test_other_boards_are_no_jetson(tmp_path: Path) -> None:
    assert jetson_release(jetson(tmp_path, release="", board="Raspberry Pi 5\0")) is None
    assert jetson_release(tmp_path / "nowhere") is None


def test_installed_backends_have_versions_and_stay_unloaded() -> None:
    before = set(sys.modules)
    found = installed_backends()
    assert all(found.values())
    assert not {"tensorrt", "tensorrt_rtx", "openvino"} & (set(sys.modules) - before)


def test_a_backend_without_metadata_is_known_by_its_own_text(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(tmp_path))
    for name, text in (("told_package", '__version__ = "8.5.2.2"\n'), ("mute_package", "")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").write_text(text, encoding="utf-8")
    assert package_version("told_package") == "8.5.2.2"
    assert package_version("mute_package") == "unknown"
    assert package_version("no_such_package") is None


def test_a_machine_without_a_gpu_has_no_device() -> None:
    assert Machine({"openvino": "2026.4"}).device is None
