from __future__ import annotations

import math
from fractions import Fraction
from typing import Tuple

import cv2
import numpy as np
import pytest

from runtime.image.resample import footprints, interpolate, reduce_area, taps

# ---- bilinear ----------------------------------------------------------------------------------

SIZES = [(1, 1), (1, 7), (7, 1), (5, 5), (45, 360), (23, 180), (30, 100), (100, 30), (720, 270)]
SHAPES = [((5, 4), (40, 32)), ((23, 30), (90, 120)), ((9, 16), (5, 7)), ((1, 3), (8, 8))]


def textbook(plane: np.ndarray, size: Tuple[int, int]) -> np.ndarray:
    """The same interpolation in Python's own double precision, pixel by pixel."""
    height, width = plane.shape
    result = np.zeros(size)
    for row in range(size[0]):
        for column in range(size[1]):
            y = min(max((row + 0.5) * height / size[0] - 0.5, 0), height - 1)
            x = min(max((column + 0.5) * width / size[1] - 0.5, 0), width - 1)
            top, left = math.floor(y), math.floor(x)
            bottom, right = min(top + 1, height - 1), min(left + 1, width - 1)
            upper = plane[top, left] * (1 - x + left) + plane[top, right] * (x - left)
            lower = plane[bottom, left] * (1 - x + left) + plane[bottom, right] * (x - left)
            result[row, column] = upper * (1 - y + top) + lower * (y - top)
    return result


def resampled(plane: np.ndarray, size: Tuple[int, int]) -> np.ndarray:
    return interpolate(plane, taps(plane.shape[0], size[0]), taps(plane.shape[1], size[1]))


@pytest.mark.parametrize(("source", "target"), SIZES)
def test_every_pixel_lies_between_two_samples(source: int, target: int) -> None:
    axis = taps(source, target)
    assert axis.lower.min() >= 0
    assert axis.upper.max() < source
    assert set(np.unique(axis.upper - axis.lower)) <= {0, 1}
    np.testing.assert_allclose(axis.before_weight + axis.after_weight, 1, atol=1e-7)
    assert axis.after_weight.min() >= 0
    assert axis.after_weight.max() < 1


def test_a_whole_factor_repeats_its_weights_bit_for_bit() -> None:
    weights = taps(128, 1024).after_weight[4:-4].reshape(127, 8)
    assert (weights == weights[0]).all()
    assert weights[0].tolist() == [(2 * i + 1) / 16 for i in range(8)]


def test_the_same_size_changes_nothing() -> None:
    plane = np.random.default_rng(0).normal(size=(6, 9)).astype(np.float32)
    assert (resampled(plane, (6, 9)) == plane).all()


@pytest.mark.parametrize(("shape", "size"), SHAPES)
def test_it_is_bilinear_with_half_pixel_centres(
    shape: Tuple[int, int], size: Tuple[int, int]
) -> None:
    plane = np.random.default_rng(1).normal(size=shape).astype(np.float32)
    np.testing.assert_allclose(resampled(plane, size), textbook(plane, size), atol=1e-6)


@pytest.mark.parametrize(("shape", "size"), SHAPES)
def test_it_is_what_training_computes(shape: Tuple[int, int], size: Tuple[int, int]) -> None:
    torch = pytest.importorskip("torch")
    plane = np.random.default_rng(2).normal(size=shape).astype(np.float32)
    theirs = torch.nn.functional.interpolate(
        torch.from_numpy(plane)[None, None], size, mode="bilinear", align_corners=False
    )
    np.testing.assert_allclose(resampled(plane, size), theirs[0, 0].numpy(), atol=2e-5)


# ---- area --------------------------------------------------------------------------------------


@pytest.mark.parametrize(("source", "target"), [(8, 2), (7, 3), (5, 5), (100, 7), (3, 7), (1, 4)])
def test_shares_are_the_overlaps_of_pixels_and_samples(source: int, target: int) -> None:
    found = footprints(source, target)
    for pixel in range(target):
        start, end = (Fraction(edge * source, target) for edge in (pixel, pixel + 1))
        for sample in range(source):
            overlap = max(
                Fraction(0), min(end, Fraction(sample + 1)) - max(start, Fraction(sample))
            )
            nth = sample - int(found.first[pixel])
            share = found.shares[nth, pixel] if 0 <= nth < len(found.shares) else np.float32(0)
            assert share == np.float32(float(overlap / (end - start)))


def test_a_whole_factor_gives_the_mean_of_each_block() -> None:
    plane = np.random.default_rng(0).integers(0, 256, (12, 20)).astype(np.float32)
    found = reduce_area(plane, footprints(12, 3), footprints(20, 5))
    np.testing.assert_array_equal(found, plane.reshape(3, 4, 5, 4).mean(axis=(1, 3)))


def test_equal_sizes_change_nothing_by_area() -> None:
    plane = np.random.default_rng(0).uniform(0, 255, (9, 7)).astype(np.float32)
    np.testing.assert_array_equal(reduce_area(plane, footprints(9, 9), footprints(7, 7)), plane)


@pytest.mark.parametrize("size", [(11, 9), (5, 64), (1, 1), (49, 63)])
def test_it_is_what_opencv_calls_area(size: Tuple[int, int]) -> None:
    plane = np.random.default_rng(1).uniform(0, 255, (50, 64)).astype(np.float32)
    found = reduce_area(plane, footprints(50, size[0]), footprints(64, size[1]))
    theirs = cv2.resize(plane, size[::-1], interpolation=cv2.INTER_AREA)
    np.testing.assert_allclose(found, theirs, rtol=0, atol=1e-3)
