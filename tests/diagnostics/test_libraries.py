from __future__ import annotations

from typing import Dict, List, Tuple

import pytest

from runtime.device.gpu import Gpu
from runtime.device.machine import JetsonRelease, Machine
from runtime.diagnostics.libraries import board, driver, openvino, tensorrt
from runtime.diagnostics.probe import Surroundings
from tests.diagnostics.verdicts import findings, only, verdicts

GPU = Gpu("Xavier (8 SMs)", "7.2", memory=32 << 30, integrated=True)
JETSON = JetsonRelease("35.4.1", "NVIDIA Jetson AGX Xavier")
LAPTOP = Surroundings(Machine({"openvino": "2026.4"}, architecture="x86_64"))


def xavier(tensorrt: str = "8.5.2.2", **packages: str) -> Surroundings:
    backends = {"tensorrt": tensorrt} if tensorrt else {}
    return Surroundings(Machine(backends, GPU, cuda="11.4", jetson=JETSON), packages=packages)


def test_a_laptop_without_a_gpu_is_well() -> None:
    assert only(board, LAPTOP).says == "x86_64, no Jetson"
    assert only(driver, LAPTOP).verdict == "ok"
    assert findings(tensorrt, LAPTOP) == []
    assert verdicts(openvino, LAPTOP) == [("OpenVINO", "ok")]


def test_a_complete_xavier_is_well() -> None:
    here = xavier(pycuda="2024.1.2", numpy="1.23.5")
    assert "JetPack 5.1.2, L4T 35.4.1" in only(board, here).says
    assert "compute capability 7.2, 32.0 GiB" in only(driver, here).says
    assert verdicts(tensorrt, here) == [("TensorRT", "ok"), ("pycuda", "ok")]


def test_a_jetson_without_its_driver_is_a_container_without_the_right_runtime() -> None:
    here = Surroundings(Machine(no_gpu="libcuda.so.1 is missing", jetson=JETSON))
    found = only(driver, here)
    assert (found.verdict, found.says) == ("problem", "libcuda.so.1 is missing")
    assert "--runtime nvidia" in found.cure


def test_a_driver_without_a_gpu_is_a_problem_anywhere() -> None:
    hidden = Surroundings(Machine(cuda="12.8", no_gpu="NVIDIA's driver sees no GPU"))
    assert only(driver, hidden).verdict == "problem"


def test_a_container_that_hides_the_release_is_warned_of() -> None:
    here = Surroundings(Machine(jetson=JetsonRelease(board="NVIDIA Jetson AGX Xavier")))
    assert only(board, here).verdict == "warning"


@pytest.mark.parametrize(
    ("version", "packages", "expected"),
    [
        ("", {}, [("TensorRT", "warning")]),
        ("8.4.1.5", {"pycuda": "2022.2"}, [("TensorRT", "problem"), ("pycuda", "ok")]),
        ("8.5.2.2", {}, [("TensorRT", "ok"), ("pycuda", "problem")]),
        ("unknown", {"pycuda": "2024.1"}, [("TensorRT", "ok"), ("pycuda", "ok")]),
        (
            "8.5.2.2",
            {"pycuda": "2024.1", "numpy": "1.24.4"},
            [("TensorRT", "ok"), ("pycuda", "ok"), ("NumPy", "warning")],
        ),
        (
            "10.3.0",  # of another JetPack, whose image this then is
            {"pycuda": "2024.1", "numpy": "2.2.6"},
            [("TensorRT", "ok"), ("TensorRT", "warning"), ("pycuda", "ok")],
        ),
    ],
)
def test_tensorrt_needs_the_right_company(
    version: str, packages: Dict[str, str], expected: List[Tuple[str, str]]
) -> None:
    assert verdicts(tensorrt, xavier(version, **packages)) == expected


def test_a_machine_that_runs_nothing_is_told_what_to_install() -> None:
    found = only(openvino, Surroundings(Machine({})))
    assert found.verdict == "problem"
    assert "pip install '.[cpu]'" in found.cure
