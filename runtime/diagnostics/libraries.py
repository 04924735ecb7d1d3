"""What engines compute on: the board, the driver, the GPU and the backends."""

from __future__ import annotations

import re
from typing import Iterator, Tuple

from runtime.diagnostics.finding import Finding, ok, problem, warning
from runtime.diagnostics.probe import Surroundings

OLDEST_TENSORRT = (8, 5)
# TensorRT 8.5's module looks up `np.bool`, which this version of NumPy removed.
NUMPY_WITHOUT_BOOL = (1, 24)
# What each JetPack brings, by the major version of its L4T.
TENSORRT_OF_L4T = {"35": ("8.4.", "8.5."), "36": ("8.6.", "10.")}
IN_CONTAINER = "in a container on a Jetson run with `--runtime nvidia`"


def board(here: Surroundings) -> Iterator[Finding]:
    """Which Jetson, if it is one."""
    release = here.machine.jetson
    if release is None:
        yield ok("machine", f"{here.machine.architecture}, no Jetson")
    elif release.l4t is None:
        yield warning(
            "machine",
            f"{release.board or 'a Jetson'} that does not tell its L4T release",
            "Mount /etc/nv_tegra_release into the container, so that a wrong image is noticed",
        )
    else:
        jetpack = f"JetPack {release.jetpack}" if release.jetpack else "an unknown JetPack"
        yield ok("machine", f"{release.board or 'a Jetson'}, {jetpack}, L4T {release.l4t}")


def driver(here: Surroundings) -> Iterator[Finding]:
    """NVIDIA's driver and its GPU; only a Jetson must have them."""
    machine = here.machine
    if machine.gpu is not None:
        gibibytes = machine.gpu.memory / 2**30
        yield ok(
            "GPU",
            f"{machine.gpu.name}, compute capability {machine.gpu.compute_capability}, "
            f"{gibibytes:.1f} GiB; the driver runs CUDA up to {machine.cuda}",
        )
    elif machine.jetson is not None or machine.cuda is not None:
        yield problem(
            "GPU",
            machine.no_gpu or "there is none",
            f"Check that the driver is installed and the GPU not hidden; {IN_CONTAINER}",
        )
    else:
        yield ok("GPU", "none; engines run on the processor")


def tensorrt(here: Surroundings) -> Iterator[Finding]:
    """TensorRT and what it needs, where there is a GPU for it."""
    machine = here.machine
    version = machine.backends.get("tensorrt")
    if machine.gpu is None:
        return
    if version is None:
        yield warning(
            "TensorRT",
            "it is not installed, so the GPU is not used",
            "Install JetPack's python3-libnvinfer and make the virtual environment with "
            "--system-site-packages; elsewhere `pip install tensorrt`",
        )
        return
    if version != "unknown" and _numbers(version) < OLDEST_TENSORRT:
        yield problem(
            "TensorRT", f"{version} is older than 8.5", "Install JetPack 5 or later, with 8.5"
        )
    else:
        yield ok("TensorRT", version)
    yield from _image(here, version)
    yield from _pycuda(here)
    yield from _numpy(here, version)


def openvino(here: Surroundings) -> Iterator[Finding]:
    """OpenVINO, and whether there is any backend at all."""
    version = here.machine.backends.get("openvino")
    if version is not None:
        yield ok("OpenVINO", version)
    elif not here.machine.backends:
        yield problem(
            "backends",
            "nothing here can run an engine",
            "Run `pip install '.[cpu]'` in the project's folder, on a Jetson `'.[tensorrt]'`",
        )


def _image(here: Surroundings, tensorrt_version: str) -> Iterator[Finding]:
    """A container's TensorRT against the device's L4T: other majors fail with undefined symbols."""
    l4t = here.machine.jetson.l4t if here.machine.jetson is not None else None
    expected = TENSORRT_OF_L4T.get((l4t or "").split(".")[0])
    if expected is not None and not tensorrt_version.startswith((*expected, "unknown")):
        yield warning(
            "TensorRT",
            f"L4T {l4t} comes with {' or '.join(f'{v}x' for v in expected)}, here is "
            f"{tensorrt_version}",
            "Use an image of the device's own L4T major version",
        )


def _pycuda(here: Surroundings) -> Iterator[Finding]:
    if "pycuda" in here.packages:
        yield ok("pycuda", here.packages["pycuda"])
    else:
        yield problem(
            "pycuda",
            "it is not installed, and TensorRT builds are executed through it",
            "Run `pip install '.[tensorrt]'` in the project's folder, which compiles it with g++, "
            "python3-dev and the nvcc on PATH",
        )


def _numpy(here: Surroundings, tensorrt_version: str) -> Iterator[Finding]:
    numpy = here.packages.get("numpy", "0")
    if tensorrt_version.startswith("8.5") and _numbers(numpy) >= NUMPY_WITHOUT_BOOL:
        yield warning(
            "NumPy",
            f"TensorRT {tensorrt_version} names np.bool, which NumPy {numpy} does not have",
            "Install `pip install 'numpy<1.24'`",
        )


def _numbers(version: str) -> Tuple[int, int]:
    found = re.match(r"(\d+)\.(\d+)", version)
    return (int(found[1]), int(found[2])) if found else (0, 0)
