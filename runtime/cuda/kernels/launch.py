"""One launch of one kernel, as plain values that any binding of the driver's API can carry out."""

from __future__ import annotations

import ctypes
from dataclasses import dataclass
from typing import Tuple

from runtime.cuda.kernels.parameters import MAX_SIDE
from runtime.errors import InvalidInput

Extent = Tuple[int, int, int]


@dataclass(frozen=True)
class Launch:
    """What to give to the driver: `cuLaunchKernel(kernel, grid, block, 0, stream, parameters)`.

    Attributes:
        kernel: name of the function in the module (`binaries.code_for`).
        grid: blocks along x, y and z.
        block: threads along x, y and z; every kernel is compiled for just this block.
        parameters: the bytes of the kernel's only argument, a structure passed by value. With
            pycuda: `function.prepare([f"{len(parameters)}s"])` once, then
            `function.prepared_async_call(grid[:2], block, stream, parameters)`.
    """

    kernel: str
    grid: Extent
    block: Extent
    parameters: bytes


def block_of_tiles(
    kernel: str, size: Tuple[int, int], tile: Tuple[int, int], parameters: ctypes.Structure
) -> Launch:
    """A launch with a block of 32 x 8 threads for each tile of a (height, width) area.

    Args:
        kernel: its name.
        size: rows and columns of the whole area.
        tile: rows and columns that one block works on.
        parameters: the kernel's argument.
    """
    down, across = (-(-extent // step) for extent, step in zip(size, tile))
    return Launch(kernel, (across, down, 1), (32, 8, 1), bytes(parameters))


def check_side(name: str, *sides: int) -> None:
    """Refuses images whose positions the kernels' whole numbers cannot hold.

    Raises:
        InvalidInput: a side is below 1 or above MAX_SIDE.
    """
    if not all(1 <= side <= MAX_SIDE for side in sides):
        shape = " x ".join(map(str, sides))
        raise InvalidInput(f"{name} is {shape} pixels", f"Its sides must be 1 to {MAX_SIDE}")


def check_pitch(name: str, pitch: int, row_bytes: int, rows: int) -> None:
    """Refuses rows that overlap or that the kernels' offsets cannot reach.

    Raises:
        InvalidInput: the pitch is shorter than a row, or the image takes 2 GiB.
    """
    if pitch < row_bytes:
        raise InvalidInput(
            f"{name} has a pitch of {pitch} bytes for rows of {row_bytes}",
            "Give the distance from one row's start to the next, in bytes",
        )
    if pitch * rows >= 1 << 31:
        raise InvalidInput(
            f"{name} takes {pitch * rows} bytes", "The kernels address less than 2 GiB an image"
        )
