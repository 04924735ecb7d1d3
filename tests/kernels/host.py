"""The kernels on the host: their sources compiled by g++, launched as a GPU would launch them."""

from __future__ import annotations

import ctypes
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Iterator, Type

import numpy as np

from runtime.kernels.launch import Launch
from runtime.kernels.parameters import LabelsParameters, PreprocessParameters, ResizeParameters
from runtime.kernels.sources import FOLDER as SOURCES

HERE = Path(__file__).resolve().parent
# No sum is fused with its product, as on the device; arithmetic that C++ leaves undefined traps.
FLAGS = [
    *("-std=c++14", "-O2", "-ffp-contract=off", "-fPIC", "-shared"),
    *("-Wall", "-Wextra", "-Werror", "-Wno-unknown-pragmas"),
    *("-fsanitize=signed-integer-overflow,shift,bounds", "-fsanitize-undefined-trap-on-error"),
]
OUTCOMES = ("done", "there is no such kernel", "threads wait at barriers that others never reach")
# Coprime with 256: ascending, descending, and neighbours far apart.
THREAD_ORDERS = (1, 255, 37)


@dataclass(frozen=True)
class HostDevice:
    """Runs launches whose addresses are the host's own."""

    library: ctypes.CDLL

    def run(self, launch: Launch, stride: int = 1) -> None:
        """Runs a launch to its end; `stride` orders the threads of a block."""
        extent = ctypes.c_uint * 3
        outcome = self.library.launch(
            launch.kernel.encode(),
            extent(*launch.grid),
            extent(*launch.block),
            ctypes.c_char_p(launch.parameters),
            stride,
        )
        if outcome:
            raise RuntimeError(f"{launch.kernel}: {OUTCOMES[outcome]}")


def build(folder: Path) -> HostDevice:
    """Compiles the kernels into `folder`."""
    (folder / "layout.inc").write_text("\n".join(layout_assertions()), encoding="ascii")
    library = folder / "kernels.so"
    includes = [f"-I{path}" for path in (HERE, SOURCES, folder)]
    source = str(HERE / "host_kernels.cpp")
    subprocess.run(["g++", *FLAGS, *includes, source, "-o", str(library)], check=True)
    loaded = ctypes.CDLL(str(library))
    loaded.half_from_float.argtypes = [ctypes.c_float]
    loaded.half_from_float.restype = ctypes.c_uint16
    loaded.float_from_half.argtypes = [ctypes.c_uint16]
    loaded.float_from_half.restype = ctypes.c_float
    return HostDevice(loaded)


def layout_assertions() -> Iterator[str]:
    """That C++ lays the parameters out as Python packs them; else nothing compiles."""
    blocks: Iterator[Type[ctypes.Structure]] = iter(
        (PreprocessParameters, LabelsParameters, ResizeParameters)
    )
    for block in blocks:
        name = block.__name__
        yield f'static_assert(sizeof({name}) == {ctypes.sizeof(block)}, "size of {name}");'
        for field in block._fields_:
            offset = getattr(block, field[0]).offset
            yield f'static_assert(offsetof({name}, {field[0]}) == {offset}, "{name}.{field[0]}");'


def address(array: np.ndarray) -> int:
    """Where an array's first element is."""
    return int(array.ctypes.data)
