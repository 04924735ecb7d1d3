"""Which of the shipped binaries a device loads.

A cubin runs on the architecture it was made for; the PTX is translated by the driver of any newer
device. Both come from the same source and the same compiler, and `manifest.json` beside them holds
their hashes and the options they were made with (`runtime.cuda.kernels.compile`).
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Tuple

from runtime.errors import EngineRefused, RuntimeFault

FOLDER: Final = Path(__file__).resolve().parent / "binaries"
MANIFEST_NAME: Final = "manifest.json"
CUBIN_CAPABILITIES: Final[Tuple[Tuple[int, int], ...]] = (
    (7, 2),  # Xavier
    (7, 5),  # T4 and its kin
    (8, 0),  # A100
    (8, 6),
    (8, 7),  # Orin
    (8, 9),
    (9, 0),  # H100, H200
)
PTX_CAPABILITY: Final = (7, 0)
"""Tensor-core generations and all that follow: the driver translates PTX for its own device."""


@dataclass(frozen=True)
class DeviceCode:
    """A module to load: `module_from_buffer(content)` with pycuda, or `cuModuleLoadData`.

    Attributes:
        name: of the file, for messages.
        content: a cubin, or PTX that ends with the zero byte that the driver looks for.
    """

    name: str
    content: bytes


def code_name(compute_capability: Tuple[int, int]) -> str:
    """The file that a device of this compute capability loads.

    Raises:
        EngineRefused: the device is older than everything shipped.
    """
    major, minor = compute_capability
    # NVIDIA promises no binary compatibility between Tegra and other devices of one generation, so
    # only an exact match takes a cubin.
    if compute_capability in CUBIN_CAPABILITIES:
        return f"sm_{major}{minor}.cubin"
    if compute_capability < PTX_CAPABILITY:
        oldest = ".".join(map(str, PTX_CAPABILITY))
        raise EngineRefused(
            f"the GPU has compute capability {major}.{minor}",
            f"The kernels need {oldest} or newer; serve an OpenVINO build on this machine",
        )
    return "compute_{}{}.ptx".format(*PTX_CAPABILITY)


def code_for(compute_capability: Tuple[int, int], folder: Path = FOLDER) -> DeviceCode:
    """The verified binary for a device.

    Args:
        compute_capability: major and minor, as the driver tells them.
        folder: where binaries and their manifest are.

    Raises:
        EngineRefused: the device is too old, or a file is missing or not what was compiled.
    """
    name = code_name(compute_capability)
    cure = "Install the package again, or compile the kernels with `make kernels`"
    try:
        manifest = json.loads((folder / MANIFEST_NAME).read_text(encoding="utf-8"))
        content = (folder / name).read_bytes()
        expected = manifest["binaries"][name]["sha256"]
    except (OSError, ValueError, KeyError) as error:
        raise EngineRefused(f"the kernels of {name} cannot be read: {error!r}", cure) from error
    found = hashlib.sha256(content).hexdigest()
    if found != expected:
        raise EngineRefused(f"{name} has the hash {found}, not {expected}", cure)
    return DeviceCode(name, content + b"\0" if name.endswith(".ptx") else content)


def not_loaded(fault: RuntimeFault) -> EngineRefused:
    """What to do about a driver that does not take the binary for its own device."""
    return EngineRefused(
        fault.problem,
        "Update NVIDIA's driver to CUDA 11.8's or newer (JetPack 5: install cuda-compat-11-8). "
        + fault.cure,
    )
