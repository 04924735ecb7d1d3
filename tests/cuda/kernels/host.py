"""The kernels on the host: their sources compiled by g++, launched as a GPU would launch them."""

from __future__ import annotations

import ctypes
import subprocess
from pathlib import Path
from typing import Iterator, Type

import numpy as np

from runtime.cuda.kernels.launch import Launch
from runtime.cuda.kernels.parameters import LabelsParameters, PreprocessParameters, ResizeParameters
from runtime.cuda.kernels.sources import FOLDER as SOURCES

HERE = Path(__file__).resolve().parent
# No sum is fused with its product, as on the device; arithmetic that C++ leaves undefined traps.
FLAGS = [
    *("-std=c++14", "-O1", "-ffp-contract=off", "-fPIC", "-shared"),
    *("-Wall", "-Wextra", "-Werror", "-Wno-unknown-pragmas"),
    *("-fsanitize=signed-integer-overflow,shift,bounds", "-fsanitize-undefined-trap-on-error"),
]
OUTCOMES = ("done", "there is no such kernel", "threads wait at barriers that others never reach")
# Coprime with 256: ascending, descending, and neighbours far apart.
THREAD_ORDERS = (1, 255, 37)
MARGIN = 256


class HostMachine:
    """A machine whose device is the host.

    Args:
        library: the compiled kernels.
        stride: orders the threads of a block, one of THREAD_ORDERS.
    """

    def __init__(self, library: ctypes.CDLL, stride: int = 1) -> None:
        self.library = library
        self._stride = stride

    def in_order(self, stride: int) -> HostMachine:
        """The same machine with its threads in another order."""
        return HostMachine(self.library, stride)

    def holding(self, array: np.ndarray) -> HostMemory:
        """A copy of an array for kernels to use."""
        return HostMemory(array)

    def run(self, launch: Launch) -> None:
        """Runs a launch to its end."""
        extent = ctypes.c_uint * 3
        outcome = self.library.launch(
            launch.kernel.encode(),
            extent(*launch.grid),
            extent(*launch.block),
            ctypes.c_char_p(launch.parameters),
            self._stride,
        )
        if outcome:
            raise RuntimeError(f"{launch.kernel}: {OUTCOMES[outcome]}")


class HostMemory:
    """A copy of an array between two margins, which must stay as they are.

    As float the margins are NaN, as bytes 255: what is read from them shows in the results.
    """

    def __init__(self, array: np.ndarray) -> None:
        self._memory = np.full(array.nbytes + 2 * MARGIN, 0xFF, np.uint8)
        self._array = self._memory[MARGIN:-MARGIN].view(array.dtype).reshape(array.shape)
        self._array[...] = array

    @property
    def address(self) -> int:
        return int(self._array.ctypes.data)

    def read(self) -> np.ndarray:
        """The array as kernels left it."""
        assert (self._memory[:MARGIN] == 0xFF).all(), "written before the start"
        assert (self._memory[-MARGIN:] == 0xFF).all(), "written beyond the end"
        left: np.ndarray = self._array.copy()
        return left


def build(folder: Path) -> HostMachine:
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
    return HostMachine(loaded)


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
