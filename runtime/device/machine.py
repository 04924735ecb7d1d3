"""What this machine is: its processor, its GPU and what can run engines on it.

Everything is found out without importing a backend and without taking GPU memory, so the answer is
cheap, and the same for the daemon, the builder and the doctor.
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
import platform
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Dict, Mapping, Optional, Tuple

from runtime.device.gpu import DRIVER_LIBRARY, Gpu, NoDriver, cuda_driver

# Import names of the backends, each with the distributions that may have brought it: apt's
# python3-libnvinfer and the wheels for each CUDA are all `tensorrt` once imported.
BACKEND_PACKAGES: Dict[str, Tuple[str, ...]] = {
    "tensorrt": ("tensorrt", "tensorrt-cu13", "tensorrt-cu12", "tensorrt-cu11"),
    "tensorrt_rtx": ("tensorrt-rtx", "tensorrt-rtx-cu13", "tensorrt-rtx-cu12"),
    "openvino": ("openvino",),
}
L4T_RELEASE = "etc/nv_tegra_release"
BOARD_MODEL = "proc/device-tree/model"
JETPACK_OF_L4T = {
    "35.2.1": "5.1",
    "35.3.1": "5.1.1",
    "35.4.1": "5.1.2",
    "35.5.0": "5.1.3",
    "35.6.0": "5.1.4",
    "35.6.1": "5.1.5",
    "35.6.2": "5.1.5",
    "35.6.3": "5.1.5",
    "35.6.4": "5.1.6",
}
JETPACK_OF_L4T_MAJOR = {"32": "4", "34": "5", "35": "5", "36": "6", "38": "7"}

_L4T = re.compile(r"#\s*R(\d+)\s*\(release\),\s*REVISION:\s*([\d.]+)")
_VERSION_LINE = re.compile(r"^__version__\s*=\s*['\"]([^'\"]+)['\"]", re.MULTILINE)


@dataclass(frozen=True)
class JetsonRelease:
    """Which Jetson this is and what NVIDIA's software on it is called.

    Attributes:
        l4t: such as "35.4.1"; None where it is not told, as in many containers.
        board: such as "NVIDIA Jetson AGX Xavier Developer Kit"; None where it is not told.
    """

    l4t: Optional[str] = None
    board: Optional[str] = None

    @property
    def jetpack(self) -> Optional[str]:
        """The JetPack with that L4T, such as "5.1.2", or as much of it as is known."""
        if self.l4t is None:
            return None
        return JETPACK_OF_L4T.get(self.l4t) or JETPACK_OF_L4T_MAJOR.get(self.l4t.split(".")[0])


@dataclass(frozen=True)
class Machine:
    """What can run engines here.

    Attributes:
        backends: version by name of each backend that is installed.
        gpu: the GPU that engines run on, the driver's first; None without one.
        cuda: the newest CUDA that the driver can run, such as "11.4"; None without a driver.
        no_gpu: why there is no GPU; None with one.
        architecture: of the processor, such as "aarch64".
        jetson: None on any other machine.
        launcher: whether pycuda is installed, without which no plan can be run.
    """

    backends: Mapping[str, str] = field(default_factory=dict)
    gpu: Optional[Gpu] = None
    cuda: Optional[str] = None
    no_gpu: Optional[str] = None
    architecture: str = ""
    jetson: Optional[JetsonRelease] = None
    launcher: bool = True

    @property
    def device(self) -> Optional[str]:
        """The GPU's name; None without one."""
        return None if self.gpu is None else self.gpu.name

    @property
    def compute_capability(self) -> Optional[str]:
        """Of the GPU, such as "7.2"; None without one."""
        return None if self.gpu is None else self.gpu.compute_capability


def this_machine(root: Path = Path("/"), library: str = DRIVER_LIBRARY) -> Machine:
    """Looks at the machine this runs on; a driver that does not work leaves it without a GPU.

    Args:
        root: of the file system that tells of the board.
        library: name or path of the CUDA driver's library.
    """
    gpu: Optional[Gpu] = None
    cuda: Optional[str] = None
    no_gpu: Optional[str] = None
    try:
        driver = cuda_driver(library)
        cuda = driver.cuda
        gpu = driver.gpus[0] if driver.gpus else None
        no_gpu = None if driver.gpus else "NVIDIA's driver sees no GPU"
    except NoDriver as fault:
        no_gpu = fault.problem
    return Machine(
        backends=installed_backends(),
        gpu=gpu,
        cuda=cuda,
        no_gpu=no_gpu,
        architecture=platform.machine(),
        jetson=jetson_release(root),
        launcher=importlib.util.find_spec("pycuda") is not None,
    )


def installed_backends() -> Dict[str, str]:
    """Versions of the backends that are installed; none of them is imported."""
    versions = ((name, package_version(name)) for name in BACKEND_PACKAGES)
    return {name: version for name, version in versions if version is not None}


def package_version(module: str) -> Optional[str]:
    """The version of a package, "unknown" where it does not say it; None if it is not installed.

    Args:
        module: its import name; a backend's other distribution names are known.
    """
    spec = importlib.util.find_spec(module)
    if spec is None or spec.origin is None:
        return None
    told = map(_distribution_version, BACKEND_PACKAGES.get(module, (module,)))
    version = next(filter(None, told), None)
    if version is not None:
        return version
    # A copied or linked package, as containers like to mount TensorRT's, has no metadata.
    line = _VERSION_LINE.search(Path(spec.origin).read_text(encoding="utf-8", errors="replace"))
    return line[1] if line else "unknown"


def _distribution_version(name: str) -> Optional[str]:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None


def jetson_release(root: Path = Path("/")) -> Optional[JetsonRelease]:
    """Which Jetson this is; None on any other machine."""
    release, model = root / L4T_RELEASE, root / BOARD_MODEL
    match = _L4T.search(release.read_text(encoding="utf-8")) if release.is_file() else None
    # The device tree ends its strings with a null.
    board = model.read_text(encoding="utf-8").rstrip("\0\n") if model.is_file() else ""
    is_nvidia = re.search(r"nvidia|jetson", board, re.IGNORECASE) is not None
    if match is None and not is_nvidia:
        return None
    return JetsonRelease(
        l4t=f"{match[1]}.{match[2]}" if match else None, board=board if is_nvidia else None
    )
