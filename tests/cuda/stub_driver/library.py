"""The stub of NVIDIA's driver, compiled and loaded as the libcuda.so.1 that pycuda asks for.

pycuda's binary needs every function of the driver that it was compiled to call. Those that the
stub lacks are written here, with one answer: not supported.
"""

from __future__ import annotations

import ctypes
import importlib
import importlib.util
import subprocess
import tempfile
from functools import lru_cache
from pathlib import Path
from typing import Any, Iterator

from runtime.cuda.kernels.binaries import CUBIN_CAPABILITIES, code_for
from runtime.cuda.kernels.parameters import LabelsParameters, PreprocessParameters, ResizeParameters

HERE = Path(__file__).resolve().parent
FLAGS = ["-std=c++17", "-O1", "-fPIC", "-shared", "-pthread", "-Wall", "-Wextra", "-Werror"]
# Loaded before pycuda, it is what the loader takes for the driver.
NAME = "libcuda.so.1"
ABSENT = 'extern "C" __attribute__((weak)) int {}() {{ return 801; }}  // CUDA_ERROR_NOT_SUPPORTED'
# Any device from this capability on translates the PTX.
TRANSLATED = (7, 0)
ARGUMENTS = {
    "labels_float16": LabelsParameters,
    "labels_float32": LabelsParameters,
    "resize_labels": ResizeParameters,
    **{
        f"preprocess_{pixels}_{resampling}": PreprocessParameters
        for pixels in ("bgr", "bgrx", "rgb", "nv12")
        for resampling in ("bilinear", "area")
    },
}


@lru_cache(maxsize=None)
def stub_driver() -> ctypes.CDLL:
    """The stub, loaded once for the process; it knows the project's binaries and kernels."""
    with tempfile.TemporaryDirectory() as folder:
        stub = ctypes.CDLL(str(built(Path(folder))), mode=ctypes.RTLD_GLOBAL)
    stub.stub_taken.restype = ctypes.c_size_t
    for capability in (*CUBIN_CAPABILITIES, TRANSLATED):
        code = code_for(capability).content
        translated = capability == TRANSLATED
        stub.stub_image(code, ctypes.c_size_t(len(code)), *capability, translated)
    for kernel, argument in ARGUMENTS.items():
        stub.stub_kernel(kernel.encode(), ctypes.c_size_t(ctypes.sizeof(argument)))
    return stub


def pycuda() -> Any:
    """The real `pycuda.driver`, on the stub."""
    stub_driver()
    return importlib.import_module("pycuda.driver")


def built(folder: Path) -> Path:
    """Compiles the stub into `folder`."""
    absent = folder / "absent.cpp"
    absent.write_text("\n".join(map(ABSENT.format, wanted_functions())), encoding="ascii")
    library = folder / NAME
    sources = sorted(map(str, HERE.glob("*.cpp")))
    includes = ["-I", str(package_folder("nvidia.cuda_runtime") / "include")]
    named = [f"-Wl,-soname,{NAME}", "-o", str(library)]
    subprocess.run(["g++", *FLAGS, *includes, *sources, str(absent), *named], check=True)
    return library


def wanted_functions() -> Iterator[str]:
    """Names of the driver's functions that pycuda's binary is to be linked with."""
    (binary,) = package_folder("pycuda").glob("_driver*.so")
    command = ["nm", "--dynamic", "--undefined-only", str(binary)]
    listed = subprocess.run(command, check=True, stdout=subprocess.PIPE, encoding="ascii").stdout
    for symbol in (line.split()[-1] for line in listed.splitlines()):
        if symbol.startswith("cu") and symbol[2].isupper():
            yield symbol


def package_folder(name: str) -> Path:
    """Where a package lies, which is not imported."""
    spec = importlib.util.find_spec(name)
    assert spec is not None, f"{name} is not installed"
    assert spec.origin is not None, f"{name} is no package of its own"
    return Path(spec.origin).parent
