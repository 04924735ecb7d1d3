from __future__ import annotations

from typing import Dict, Optional, Tuple

import numpy as np
import pytest

from runtime.sources.mp4 import Matrix, Mp4Track
from runtime.sources.picture_geometry import (
    ORIENTATION,
    SAR_DENOMINATOR,
    SAR_NUMERATOR,
    TURN,
    PictureGeometry,
)

# Every pixel another value: rows 0 and 1, columns 0 to 2.
PICTURE = np.repeat(np.arange(6, dtype=np.uint8).reshape(2, 3, 1), 3, axis=2)


class Capture:
    """What a file declares, by OpenCV's numbers."""

    def __init__(self, settings: Dict[int, float]) -> None:
        self.settings = {SAR_NUMERATOR: 1.0, SAR_DENOMINATOR: 1.0, TURN: 1.0, **settings}

    def get(self, setting: int) -> float:
        return self.settings.get(setting, 0.0)

    def set(self, setting: int, value: float) -> bool:
        self.settings[setting] = value
        return True


def track(matrix: Matrix) -> Mp4Track:
    return Mp4Track(10, 1.0, matrix, 1)


@pytest.mark.parametrize(
    ("matrix", "shown"),
    [
        ((-1, 0, 0, 1), [[2, 1, 0], [5, 4, 3]]),
        ((1, 0, 0, -1), [[3, 4, 5], [0, 1, 2]]),
        ((0, 1, 1, 0), [[0, 3], [1, 4], [2, 5]]),
        ((0, -1, -1, 0), [[5, 2], [4, 1], [3, 0]]),
    ],
)
def test_a_mirrored_picture_is_shown_as_its_matrix_says(matrix: Matrix, shown: object) -> None:
    capture = Capture({})
    geometry = PictureGeometry.of(capture, track(matrix))
    assert geometry.shown(PICTURE)[..., 0].tolist() == shown
    # OpenCV would turn by the angle that a mirror's matrix seems to have.
    assert capture.settings[TURN] == 0


@pytest.mark.parametrize("matrix", [(1, 0, 0, 1), (0, 1, -1, 0), (-1, 0, 0, -1), None])
def test_what_is_only_turned_is_left_to_opencv(matrix: Optional[Matrix]) -> None:
    capture = Capture({})
    geometry = PictureGeometry.of(capture, track(matrix) if matrix is not None else None)
    assert geometry.shown(PICTURE) is PICTURE
    assert capture.settings[TURN] == 1


@pytest.mark.parametrize(
    ("ratio", "turned", "shape"),
    [
        ((64, 45), 0, (288, 512)),
        ((16, 15), 0, (288, 384)),
        ((1, 2), 0, (576, 360)),
        ((64, 45), 90, (410, 360)),
        ((64, 45), 180, (288, 512)),
        ((1485, 1484), 0, (288, 360)),
        ((0, 1), 0, (288, 360)),
        ((1, 100), 0, (288, 360)),
    ],
)
def test_pixels_are_made_square_by_the_side_that_is_too_short(
    ratio: Tuple[int, int], turned: int, shape: Tuple[int, int]
) -> None:
    settings = {SAR_NUMERATOR: ratio[0], SAR_DENOMINATOR: ratio[1], ORIENTATION: turned}
    geometry = PictureGeometry.of(Capture(dict(settings)), None)
    assert geometry.shown(np.zeros((288, 360, 3), np.uint8)).shape[:2] == shape
