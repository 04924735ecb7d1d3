"""A frame: pixels and where and when they came from."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from runtime.errors import InvalidInput


@dataclass(frozen=True)
class Frame:
    """One picture on its way through the runtime.

    Attributes:
        pixels: (height, width, 3) uint8 in BGR order, as OpenCV decodes it.
        number: position in its source, from 0, gaps included where frames were dropped.
        captured_at: seconds since the epoch when the picture was taken or arrived.
        source: the stream's id, a file's name, or "request".
    """

    pixels: np.ndarray
    number: int
    captured_at: float
    source: str

    def __post_init__(self) -> None:
        shape, dtype = self.pixels.shape, self.pixels.dtype
        if dtype != np.uint8 or len(shape) != 3 or shape[2] != 3 or 0 in shape:
            raise InvalidInput(
                f"frame {self.number} of {self.source!r} has shape {shape} and type {dtype}",
                "A frame is a non-empty (height, width, 3) uint8 picture in BGR order",
            )

    @property
    def height(self) -> int:
        """Rows of the picture, pixels."""
        return int(self.pixels.shape[0])

    @property
    def width(self) -> int:
        """Columns of the picture, pixels."""
        return int(self.pixels.shape[1])
