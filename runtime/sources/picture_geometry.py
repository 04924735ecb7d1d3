"""How a video's coded pictures are shown: turned, mirrored, and with square pixels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Optional

import cv2
import numpy as np
from typing_extensions import Protocol

from runtime.sources.mp4 import Matrix, Mp4Track

# By OpenCV's numbers: versions that cannot do it have no names for them, and answer 0.
SAR_NUMERATOR, SAR_DENOMINATOR, ORIENTATION, TURN = 40, 41, 48, 49
# What encoders round off is no shape of pixels; what is beyond the other is no shape that exists.
SQUARE_WITHIN, WIDEST = 0.005, 16.0


class Settings(Protocol):
    """What is used of OpenCV's capture."""

    def get(self, setting: int, /) -> float:
        """A property, by OpenCV's number."""

    def set(self, setting: int, value: float, /) -> bool:
        """Whether the property could be set."""


@dataclass(frozen=True)
class PictureGeometry:
    """What is done to a picture as OpenCV gives it.

    Attributes:
        matrix: a mirrored file's; None where OpenCV has turned the picture already.
        pixel_ratio: width of a pixel as shown, divided by its height.
    """

    matrix: Optional[Matrix] = None
    pixel_ratio: float = 1.0

    @classmethod
    def of(cls, capture: Settings, track: Optional[Mp4Track]) -> PictureGeometry:
        """That of an open capture.

        Args:
            capture: where the file is mirrored, it is told not to turn pictures.
            track: what the file itself says; None where it is no MP4.
        """
        numerator, denominator = capture.get(SAR_NUMERATOR), capture.get(SAR_DENOMINATOR)
        ratio = numerator / denominator if numerator > 0 and denominator > 0 else 1.0
        if abs(ratio - 1) < SQUARE_WITHIN or not 1 / WIDEST <= ratio <= WIDEST:
            ratio = 1.0
        if track is not None and track.mirrored:
            capture.set(TURN, 0)
            return cls(track.matrix, 1 / ratio if track.matrix[0] == 0 else ratio)
        on_its_side = capture.get(TURN) != 0 and round(capture.get(ORIENTATION)) % 180 == 90
        return cls(None, 1 / ratio if on_its_side else ratio)

    def shown(self, pixels: np.ndarray) -> np.ndarray:
        """The picture as it is shown: (height, width, 3) uint8 BGR.

        Args:
            pixels: (height, width, 3) uint8 BGR.
        """
        if self.matrix is not None:
            pixels = _mirrored(pixels, self.matrix)
        if self.pixel_ratio == 1:
            return pixels
        # The side that is too short grows, so that nothing is lost; even, as encoders want it.
        height, width = pixels.shape[:2]
        if self.pixel_ratio > 1:
            width = 2 * round(width * self.pixel_ratio / 2)
        else:
            height = 2 * round(height / self.pixel_ratio / 2)
        return cv2.resize(pixels, (width, height), interpolation=cv2.INTER_LINEAR)


def _mirrored(pixels: np.ndarray, matrix: Matrix) -> np.ndarray:
    a, b, c, d = matrix
    if a == 0:
        pixels = cv2.transpose(pixels)
        a, d = c, b
    if a < 0:
        pixels = cv2.flip(pixels, 1)
    return cv2.flip(pixels, 0) if d < 0 else pixels
