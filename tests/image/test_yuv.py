from __future__ import annotations

import cv2
import numpy as np
import pytest

from runtime.image.yuv import Matrix, YuvCoding, bgr_from_yuv

PRIMARIES = np.array([[0, 0, 0], [255, 255, 255], [255, 0, 0], [0, 255, 0], [0, 0, 255]], float)
SHARES = {"bt601": (0.299, 0.587, 0.114), "bt709": (0.2126, 0.7152, 0.0722)}


def encoded(bgr: np.ndarray, matrix: Matrix, full_range: bool) -> np.ndarray:
    """Y, U and V of colours by the standards' own direction, from light to code."""
    red, green, blue = SHARES[matrix]
    luma = bgr @ (blue, green, red)
    u = (bgr[..., 0] - luma) / (2 * (1 - blue))
    v = (bgr[..., 2] - luma) / (2 * (1 - red))
    if full_range:
        return np.stack([luma, u + 128, v + 128])
    return np.stack([16 + luma * 219 / 255, 128 + u * 224 / 255, 128 + v * 224 / 255])


@pytest.mark.parametrize("full_range", [False, True])
@pytest.mark.parametrize("matrix", ["bt601", "bt709"])
def test_decoding_undoes_encoding(matrix: Matrix, full_range: bool) -> None:
    colours = np.concatenate([PRIMARIES, np.random.default_rng(0).uniform(0, 255, (50, 3))])[None]
    y, u, v = encoded(colours, matrix, full_range).astype(np.float32)
    decoded = bgr_from_yuv(y, u, v, YuvCoding(matrix, full_range))
    np.testing.assert_allclose(decoded, colours, rtol=0, atol=1e-3)


def test_limited_bt601_is_what_opencv_decodes() -> None:
    rng = np.random.default_rng(1)
    luma = rng.integers(16, 236, (8, 8), dtype=np.uint8)
    chroma = rng.integers(64, 192, (4, 8), dtype=np.uint8)
    theirs = cv2.cvtColor(np.concatenate([luma, chroma]), cv2.COLOR_YUV2BGR_NV12)
    planes = chroma.reshape(4, 4, 2).repeat(2, axis=0).repeat(2, axis=1).astype(np.float32)
    ours = bgr_from_yuv(luma.astype(np.float32), planes[..., 0], planes[..., 1], YuvCoding("bt601"))
    # OpenCV computes with whole numbers of 20 bits and coefficients of three digits.
    np.testing.assert_allclose(ours, theirs, rtol=0, atol=1.5)


def test_what_no_colour_stands_for_is_clamped() -> None:
    codes = np.array([[0, 255]], np.float32)
    bgr = bgr_from_yuv(codes, codes, codes, YuvCoding())
    assert bgr.min() == 0
    assert bgr.max() == 255
