from __future__ import annotations

from pathlib import Path

import pytest

from runtime.device.gpu import CudaDriver, Gpu, NoDriver, cuda_driver
from tests.device.cuda_drivers import compiled_driver


def test_an_integrated_gpu_is_told_from_others_of_its_family_by_its_size(tmp_path: Path) -> None:
    driver = cuda_driver(compiled_driver(tmp_path))
    xavier = Gpu("Xavier (8 SMs)", "7.2", memory=32 << 30, integrated=True)
    assert driver == CudaDriver("11.4", (xavier,))


def test_every_discrete_gpu_is_seen_under_its_own_name(tmp_path: Path) -> None:
    library = compiled_driver(
        tmp_path, GPU_NAME='"NVIDIA H100"', MAJOR=9, MINOR=0, INTEGRATED=0, COUNT=2, VERSION=12080
    )
    driver = cuda_driver(library)
    assert driver.cuda == "12.8"
    assert driver.gpus == (Gpu("NVIDIA H100", "9.0", memory=32 << 30),) * 2


def test_a_driver_without_a_gpu_still_says_its_version(tmp_path: Path) -> None:
    assert cuda_driver(compiled_driver(tmp_path, INIT=100)) == CudaDriver("11.4", ())


@pytest.mark.parametrize(
    ("code", "told"),
    [
        (804, r"cuInit with CUDA_ERROR_COMPAT_NOT_SUPPORTED_ON_DEVICE \(804\)"),
        (4711, r"cuInit with no error it has a name for \(4711\)"),
    ],
)
def test_a_driver_that_cannot_start_says_why(tmp_path: Path, code: int, told: str) -> None:
    library = compiled_driver(tmp_path, INIT=code)
    with pytest.raises(NoDriver, match=told):
        cuda_driver(library)


def test_a_machine_without_a_driver_is_told_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(NoDriver, match="cannot be loaded") as fault:
        cuda_driver(str(tmp_path / "libcuda.so.1"))
    assert "--runtime nvidia" in fault.value.cure
