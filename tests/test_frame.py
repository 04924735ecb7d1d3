from __future__ import annotations

import numpy as np
import pytest

from runtime.errors import InvalidInput
from runtime.frame import Frame


def test_a_frame_knows_its_size() -> None:
    frame = Frame(np.zeros((3, 5, 3), np.uint8), number=0, captured_at=0.0, source="request")
    assert (frame.height, frame.width) == (3, 5)


@pytest.mark.parametrize(
    "pixels",
    [
        np.zeros((3, 5), np.uint8),
        np.zeros((3, 5, 4), np.uint8),
        np.zeros((3, 5, 3), np.float32),
        np.zeros((0, 5, 3), np.uint8),
        np.zeros((1, 3, 5, 3), np.uint8),
    ],
    ids=["grey", "transparent", "float", "empty", "batch"],
)
def test_only_pictures_become_frames(pixels: np.ndarray) -> None:
    with pytest.raises(InvalidInput, match="frame 7 of 'gate'"):
        Frame(pixels, number=7, captured_at=0.0, source="gate")
