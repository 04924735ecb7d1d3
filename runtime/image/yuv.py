"""Luma and chroma, defined: what they mean as colours, in float32.

The two planes are resampled each on its own grid and only then turned into colours: one matrix per
output pixel, and chroma as smooth as luma. The chroma of a 2 x 2 block lies at its centre.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Dict, Final, Tuple

import numpy as np
from typing_extensions import Literal

Matrix = Literal["bt601", "bt709"]
_RED_AND_BLUE: Final[Dict[Matrix, Tuple[float, float]]] = {
    "bt601": (0.299, 0.114),
    "bt709": (0.2126, 0.0722),
}


@dataclass(frozen=True)
class YuvCoding:
    """How a camera or decoder wrote colours as luma and chroma, as GStreamer's caps tell.

    ITU-R BT.601 and BT.709 name the shares of red and blue in luma; a limited range has black at 16
    and white at 235, and chroma from 16 to 240.

    Attributes:
        matrix: whose shares.
        full_range: whether luma and chroma use all of 0 to 255.
    """

    matrix: Matrix = "bt709"
    full_range: bool = False

    @property
    def luma_offset(self) -> float:
        """Luma of black."""
        return 0 if self.full_range else 16

    @property
    def luma_gain(self) -> float:
        """Steps of a colour per step of luma."""
        return 1 if self.full_range else 255 / 219

    @property
    def red_from_v(self) -> float:
        """Steps of red per step of V."""
        return 2 * (1 - self._red) * self._chroma_gain

    @property
    def green_from_u(self) -> float:
        """Steps of green taken off per step of U."""
        return 2 * (1 - self._blue) * self._blue / self._green * self._chroma_gain

    @property
    def green_from_v(self) -> float:
        """Steps of green taken off per step of V."""
        return 2 * (1 - self._red) * self._red / self._green * self._chroma_gain

    @property
    def blue_from_u(self) -> float:
        """Steps of blue per step of U."""
        return 2 * (1 - self._blue) * self._chroma_gain

    @property
    def _red(self) -> float:
        return _RED_AND_BLUE[self.matrix][0]

    @property
    def _blue(self) -> float:
        return _RED_AND_BLUE[self.matrix][1]

    @property
    def _green(self) -> float:
        return 1 - self._red - self._blue

    @property
    def _chroma_gain(self) -> float:
        return 1 if self.full_range else 255 / 224


def bgr_from_yuv(y: np.ndarray, u: np.ndarray, v: np.ndarray, coding: YuvCoding) -> np.ndarray:
    """Colours of luma and chroma, each step rounded to float32.

    Args:
        y: (height, width) float32, 0 to 255; `u` and `v` likewise, 128 for no colour.
        u: the blue difference.
        v: the red difference.
        coding: what they mean.

    Returns:
        (height, width, 3) float32 BGR, 0 to 255, unrounded: what no colour stands for is clamped.
    """
    luma = (y - coding.luma_offset) * coding.luma_gain
    u, v = u - np.float32(128), v - np.float32(128)
    blue = luma + u * coding.blue_from_u
    green = (luma - u * coding.green_from_u) - v * coding.green_from_v
    red = luma + v * coding.red_from_v
    bgr = np.stack([blue, green, red], axis=-1)
    clamped: np.ndarray = np.minimum(np.maximum(bgr, np.float32(0)), np.float32(255))
    return clamped
