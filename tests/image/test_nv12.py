from __future__ import annotations

from typing import Tuple

import numpy as np
import pytest

from runtime.image.frame import Frame
from runtime.image.nv12 import bgr_from_nv12, bgr_from_planes, bgr_of, planes
from runtime.image.resample import interpolate, taps
from runtime.image.yuv import YuvCoding, bgr_from_yuv
from tests.image.nv12 import nv12_from

CODINGS = [YuvCoding(matrix, full) for matrix in ("bt601", "bt709") for full in (False, True)]
WHITE_AND_BLACK = {False: (235, 16), True: (255, 0)}


def noise(*shape: int) -> np.ndarray:
    return np.random.default_rng(shape).integers(0, 256, shape, dtype=np.uint8)


def test_planes_are_taken_apart() -> None:
    luma, chroma = noise(6, 8), noise(3, 4, 2)
    found = planes(np.concatenate([luma, chroma.reshape(3, 8)]))
    assert (found[0] == luma).all()
    assert (found[1] == chroma).all()


@pytest.mark.parametrize(("height", "width"), [(7, 8), (6, 9), (7, 9)])
def test_an_odd_side_has_less_chroma(height: int, width: int) -> None:
    luma, chroma = planes(noise(height + height // 2, width))
    assert luma.shape == (height, width)
    assert chroma.shape == (height // 2, width // 2, 2)


@pytest.mark.parametrize("coding", CODINGS, ids=str)
def test_every_code_becomes_the_colour_that_its_coding_defines(coding: YuvCoding) -> None:
    codes = noise(100, 120, 3)
    y, u, v = (codes[..., n].astype(np.float32) for n in range(3))
    found = bgr_from_planes(codes[..., 0], codes[..., 1:], coding)
    assert np.abs(found - bgr_from_yuv(y, u, v, coding)).max() < 1


@pytest.mark.parametrize("coding", CODINGS, ids=str)
def test_grey_stays_grey(coding: YuvCoding) -> None:
    pixels = np.full((6, 8), 128, np.uint8)
    pixels[0], pixels[1] = WHITE_AND_BLACK[coding.full_range]
    bgr = bgr_from_nv12(pixels, coding)
    assert (bgr[0] == 255).all()
    assert (bgr[1] == 0).all()


@pytest.mark.parametrize("size", [(46, 64), (2, 2), (4, 500), (45, 64), (46, 63), (45, 63)])
def test_a_whole_image_is_within_three_steps_of_the_definition(size: Tuple[int, int]) -> None:
    pixels, coding = noise(size[0] + size[0] // 2, size[1]), YuvCoding()
    luma, chroma = planes(pixels)
    rows, columns = taps(chroma.shape[0], size[0]), taps(chroma.shape[1], size[1])
    u, v = (interpolate(chroma[..., n].astype(np.float32), rows, columns) for n in range(2))
    expected = bgr_from_yuv(luma.astype(np.float32), u, v, coding)
    assert np.abs(bgr_from_nv12(pixels, coding) - expected).max() < 3


def test_a_frame_is_had_in_bgr_whatever_it_is() -> None:
    bgr = np.full((4, 6, 3), (200, 60, 20), np.uint8)
    plain = Frame(bgr, 0, 0.0, "gate")
    assert bgr_of(plain) is bgr
    nv12 = Frame(nv12_from(bgr), 0, 0.0, "gate", "nv12", YuvCoding("bt601"))
    np.testing.assert_allclose(bgr_of(nv12), bgr, atol=2)
