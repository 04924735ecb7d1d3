"""What the CUDA driver says of itself and its GPUs, asked through ctypes without a context.

No CUDA toolkit and no Python package is needed: the driver's library is all there is on a device
before anything is installed. Asking costs no GPU memory.
"""

from __future__ import annotations

import ctypes
from dataclasses import dataclass
from typing import Any, Optional, Tuple

from runtime.errors import RuntimeFault

DRIVER_LIBRARY = "libcuda.so.1"

# Numbers of the enumerations in cuda.h; they are part of its ABI and never change.
_SUCCESS, _NO_DEVICE = 0, 100
_MULTIPROCESSORS, _INTEGRATED, _MAJOR, _MINOR = 16, 18, 75, 76
_LONGEST_NAME = 256


class NoDriver(RuntimeFault):
    """A machine without NVIDIA's driver, or with one that does not work."""


@dataclass(frozen=True)
class Gpu:
    """One GPU as the driver describes it.

    Attributes:
        name: tells GPUs apart for which plans differ. That of an integrated GPU ends with the
            number of its multiprocessors, because every Orin calls itself "Orin".
        compute_capability: such as "7.2".
        memory: bytes in all; on an integrated GPU the whole machine's.
        integrated: whether it shares the processor's memory, as on every Jetson.
    """

    name: str
    compute_capability: str
    memory: int = 0
    integrated: bool = False


@dataclass(frozen=True)
class CudaDriver:
    """The driver of a machine.

    Attributes:
        cuda: the newest CUDA that it can run, such as "11.4".
        gpus: in the driver's order; those that CUDA_VISIBLE_DEVICES hides are not among them.
    """

    cuda: str
    gpus: Tuple[Gpu, ...]


def cuda_driver(library: str = DRIVER_LIBRARY) -> CudaDriver:
    """Asks the driver.

    Args:
        library: name or path of the driver's library.

    Raises:
        NoDriver: there is none, or it cannot start.
    """
    try:
        driver = ctypes.CDLL(library)
    except OSError as error:
        raise NoDriver(
            f"NVIDIA's driver cannot be loaded ({error})",
            "Install it; in a container on a Jetson run with `--runtime nvidia`, "
            "with `--gpus all` elsewhere",
        ) from error
    version = _asked(driver, "cuDriverGetVersion")
    started = driver.cuInit(0)
    if started == _NO_DEVICE:
        return CudaDriver(_cuda_version(version), ())
    _require_success(driver, "cuInit", started)
    gpus = tuple(_gpu(driver, ordinal) for ordinal in range(_asked(driver, "cuDeviceGetCount")))
    return CudaDriver(_cuda_version(version), gpus)


def _gpu(driver: ctypes.CDLL, ordinal: int) -> Gpu:
    device = _asked(driver, "cuDeviceGet", ordinal)
    name = ctypes.create_string_buffer(_LONGEST_NAME)
    _require_success(driver, "cuDeviceGetName", driver.cuDeviceGetName(name, _LONGEST_NAME, device))
    # The plain name is that of CUDA 3's function, which counts in 32 bits.
    memory = _asked(driver, "cuDeviceTotalMem_v2", device, answer=ctypes.c_size_t())
    integrated = bool(_attribute(driver, _INTEGRATED, device))
    title = name.value.decode(errors="replace")
    if integrated:
        title = f"{title} ({_attribute(driver, _MULTIPROCESSORS, device)} SMs)"
    major, minor = (_attribute(driver, part, device) for part in (_MAJOR, _MINOR))
    return Gpu(title, f"{major}.{minor}", memory, integrated)


def _attribute(driver: ctypes.CDLL, attribute: int, device: int) -> int:
    return _asked(driver, "cuDeviceGetAttribute", attribute, device)


def _asked(
    driver: ctypes.CDLL, function: str, *arguments: int, answer: Optional[Any] = None
) -> int:
    """Calls a function that writes its answer, an int unless given, to its first argument."""
    value = ctypes.c_int() if answer is None else answer
    _require_success(driver, function, driver[function](ctypes.byref(value), *arguments))
    return int(value.value)


def _require_success(driver: ctypes.CDLL, function: str, code: int) -> None:
    if code == _SUCCESS:
        return
    name = ctypes.c_char_p()
    known = driver.cuGetErrorName(code, ctypes.byref(name)) == _SUCCESS and name.value is not None
    told = name.value.decode() if known and name.value is not None else "no error it has a name for"
    raise NoDriver(
        f"NVIDIA's driver answers {function} with {told} ({code})",
        "Restart the machine if the driver was just updated; a container needs the libraries of "
        "the driver outside, which `--runtime nvidia` or `--gpus all` brings in",
    )


def _cuda_version(number: int) -> str:
    return f"{number // 1000}.{number % 1000 // 10}"
