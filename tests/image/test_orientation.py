from __future__ import annotations

import io

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from runtime.image.orientation import exif_orientation, swaps_sides, turned_upright

STORED = np.random.default_rng(0).integers(0, 256, (5, 8, 3)).astype(np.uint8)


def encoded(kind: str, orientation: int) -> bytes:
    exif = Image.Exif()
    exif[0x0112] = orientation
    file = io.BytesIO()
    Image.fromarray(STORED).save(file, kind, exif=exif)
    return file.getvalue()


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WebP"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_pixels_turn_as_the_decoder_turns_them(kind: str, orientation: int) -> None:
    data = encoded(kind, orientation)
    flat = np.frombuffer(data, np.uint8)
    stored = cv2.imdecode(flat, cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION)
    shown = cv2.imdecode(flat, cv2.IMREAD_COLOR)

    assert stored is not None
    assert shown is not None
    assert exif_orientation(data) == orientation
    np.testing.assert_array_equal(turned_upright(stored, orientation), shown)
    assert swaps_sides(orientation) == (shown.shape != stored.shape)


@pytest.mark.parametrize("orientation", [0, 9, 65535])
def test_an_orientation_that_does_not_exist_turns_nothing(orientation: int) -> None:
    assert exif_orientation(encoded("JPEG", orientation)) == 1


def test_an_image_that_says_nothing_is_upright() -> None:
    file = io.BytesIO()
    Image.fromarray(STORED).save(file, "JPEG")
    assert exif_orientation(file.getvalue()) == exif_orientation(b"") == 1


@given(st.sampled_from(["JPEG", "PNG", "WebP"]), st.data())
def test_damaged_bytes_are_read_as_some_orientation(kind: str, data: st.DataObject) -> None:
    whole = bytearray(encoded(kind, 6))
    for _ in range(data.draw(st.integers(1, 4))):
        whole[data.draw(st.integers(0, len(whole) - 1))] = data.draw(st.integers(0, 255))
    assert exif_orientation(bytes(whole[: data.draw(st.integers(0, len(whole)))])) in range(1, 9)
