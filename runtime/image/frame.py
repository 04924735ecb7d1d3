"""A frame: pixels and where and when they came from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Optional, Tuple

import numpy as np
from typing_extensions import Literal

from runtime.errors import InvalidInput
from runtime.image.yuv import YuvCoding

PixelFormat = Literal["bgr", "nv12"]


def shape_of(pixel_format: PixelFormat, height: int, width: int) -> Tuple[int, ...]:
    """The shape of the pixels of an image: see `Frame`."""
    return (height, width, 3) if pixel_format == "bgr" else (height // 2 * 3, width)


@dataclass(frozen=True)
class Frame:
    """One image on its way through the runtime.

    Attributes:
        pixels: uint8. "bgr": (height, width, 3), as OpenCV decodes it. "nv12": (height * 3 / 2,
            width) without gaps, all rows of luma and then the rows of U and V in turn, half as many
            of them; height and width are even.
        number: position in its source, from 0, gaps included where frames were dropped.
        captured_at: seconds since the epoch when the image was taken or arrived.
        source: the stream's id, a file's name, or "request".
        format: what the pixels are.
        coding: NV12: what luma and chroma mean.
        position: of a video file: seconds from its first frame; None elsewhere.
    """

    pixels: np.ndarray
    number: int
    captured_at: float
    source: str
    format: PixelFormat = "bgr"
    coding: YuvCoding = YuvCoding()  # noqa: RUF009 -- frozen, so one value may serve all
    position: Optional[float] = None

    def __post_init__(self) -> None:
        shape, dtype = self.pixels.shape, self.pixels.dtype
        what = f"frame {self.number} of {self.source!r} has shape {shape} and type {dtype}"
        if dtype != np.uint8 or 0 in shape:
            raise InvalidInput(what, "A frame is an image of uint8, and not empty")
        if self.format == "bgr" and (len(shape) != 3 or shape[2] != 3):
            raise InvalidInput(what, "A BGR frame is a (height, width, 3) image")
        if self.format == "nv12" and (len(shape) != 2 or shape[0] % 3 or shape[1] % 2):
            raise InvalidInput(
                what, "An NV12 frame is (height * 3 / 2, width), height and width even"
            )
        if self.format == "nv12" and not self.pixels.flags.c_contiguous:
            raise InvalidInput(f"{what}, with gaps", "Copy NV12 pixels to where they lie together")

    @property
    def height(self) -> int:
        """Rows of the image, pixels."""
        rows = int(self.pixels.shape[0])
        return rows if self.format == "bgr" else rows // 3 * 2

    @property
    def width(self) -> int:
        """Columns of the image, pixels."""
        return int(self.pixels.shape[1])
