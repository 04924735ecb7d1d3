from __future__ import annotations

from fractions import Fraction
from typing import Tuple

import cv2
import numpy as np
import pytest

from runtime.image.area import footprints, reduce


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
    found = reduce(plane, footprints(12, 3), footprints(20, 5))
    np.testing.assert_array_equal(found, plane.reshape(3, 4, 5, 4).mean(axis=(1, 3)))


def test_equal_sizes_change_nothing() -> None:
    plane = np.random.default_rng(0).uniform(0, 255, (9, 7)).astype(np.float32)
    np.testing.assert_array_equal(reduce(plane, footprints(9, 9), footprints(7, 7)), plane)


@pytest.mark.parametrize("size", [(11, 9), (5, 64), (1, 1), (49, 63)])
def test_it_is_what_opencv_calls_area(size: Tuple[int, int]) -> None:
    plane = np.random.default_rng(1).uniform(0, 255, (50, 64)).astype(np.float32)
    found = reduce(plane, footprints(50, size[0]), footprints(64, size[1]))
    theirs = cv2.resize(plane, size[::-1], interpolation=cv2.INTER_AREA)
    np.testing.assert_allclose(found, theirs, rtol=0, atol=1e-3)
