"""NV12 images: their planes, and their colours by OpenCV within three steps of what `yuv` says.

OpenCV's own conversion of NV12 knows limited BT.601 alone and repeats chroma in blocks. A matrix
over luma and resampled chroma knows every coding and works at any size, so that what a network does
not look at is never converted.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Optional, Tuple

import cv2
import numpy as np

from runtime.image.frame import Frame
from runtime.image.yuv import YuvCoding


def planes(pixels: np.ndarray) -> Tuple[np.ndarray, np.ndarray]:
    """Luma (height, width) and chroma (height / 2, width / 2, 2: U and V) of NV12 pixels.

    Args:
        pixels: all rows of luma, then those of U and V in turn. Where the image has an odd side,
            its last row or column has no chroma of its own.
    """
    rows, width = pixels.shape
    height = (2 * rows + 2) // 3
    chroma = pixels[height:, : width // 2 * 2]
    return pixels[:height], chroma.reshape(rows - height, width // 2, 2)


def bgr_from_planes(
    luma: np.ndarray, chroma: np.ndarray, coding: YuvCoding, out: Optional[np.ndarray] = None
) -> np.ndarray:
    """Colours of luma and chroma that were brought to one size.

    Args:
        luma: (height, width) uint8.
        chroma: (height, width, 2) uint8, U and V.
        coding: what they mean.
        out: (height, width, 3) uint8 to write into; None makes a new array.

    Returns:
        (height, width, 3) uint8 BGR.
    """
    return cv2.transform(cv2.merge([luma, chroma]), _matrix(coding), dst=out)


def bgr_from_nv12(pixels: np.ndarray, coding: YuvCoding) -> np.ndarray:
    """A whole image: (height * 3 / 2, width) uint8 to (height, width, 3) uint8 BGR."""
    luma, chroma = planes(pixels)
    height, width = luma.shape
    return bgr_from_planes(luma, cv2.resize(chroma, (width, height)), coding)


def bgr_of(frame: Frame) -> np.ndarray:
    """The frame's (height, width, 3) uint8 BGR image; its own pixels where they are that."""
    return frame.pixels if frame.format == "bgr" else bgr_from_nv12(frame.pixels, frame.coding)


@lru_cache(maxsize=None)
def _matrix(coding: YuvCoding) -> np.ndarray:
    """(3, 4) float32: from Y, U, V and 1 to blue, green and red."""
    gain = coding.luma_gain
    factors = np.array(
        [
            (gain, coding.blue_from_u, 0),
            (gain, -coding.green_from_u, -coding.green_from_v),
            (gain, 0, coding.red_from_v),
        ]
    )
    offsets = -factors @ (coding.luma_offset, 128, 128)
    return np.column_stack([factors, offsets]).astype(np.float32)
