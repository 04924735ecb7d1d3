from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from runtime.errors import InvalidInput
from runtime.image.frame import Frame, shape_of


def test_a_frame_knows_its_size() -> None:
    frame = Frame(np.zeros((3, 5, 3), np.uint8), number=0, captured_at=0.0, source="request")
    assert (frame.height, frame.width) == (3, 5)


def test_a_frame_in_nv12_knows_the_size_of_its_image() -> None:
    frame = Frame(np.zeros((9, 4), np.uint8), 0, 0.0, "gate", format="nv12")
    assert (frame.height, frame.width) == (6, 4)
    assert shape_of("nv12", 6, 4) == frame.pixels.shape


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
def test_only_images_become_frames(pixels: np.ndarray) -> None:
    with pytest.raises(InvalidInput, match="frame 7 of 'gate'"):
        Frame(pixels, number=7, captured_at=0.0, source="gate")


@pytest.mark.parametrize(
    ("pixels", "cure"),
    [
        (np.zeros((6, 4, 3), np.uint8), "height and width even"),
        (np.zeros((10, 4), np.uint8), "height and width even"),  # 7 rows of luma, 3 of chroma
        (np.zeros((9, 5), np.uint8), "height and width even"),
        (np.zeros((0, 4), np.uint8), "not empty"),
        (np.zeros((9, 4), np.int8), "uint8"),
        (np.zeros((9, 8), np.uint8)[:, :4], "Copy NV12 pixels"),
    ],
    ids=["colours", "odd height", "odd width", "empty", "signed", "gaps"],
)
def test_only_whole_images_become_frames_in_nv12(pixels: Any, cure: str) -> None:
    with pytest.raises(InvalidInput, match=cure):
        Frame(pixels, number=7, captured_at=0.0, source="gate", format="nv12")
