from __future__ import annotations

from typing import Tuple

import cv2
import numpy as np
import pytest

from runtime.errors import EngineFailed
from runtime.inference.postprocess import cpu
from runtime.inference.postprocess.cpu import LabelUpsampler, resize_labels
from runtime.inference.postprocess.reference import labels_from_logits

Size = Tuple[int, int]

# Whole factors (even, odd, one, different down and across) and factors that are not.
GEOMETRIES = [
    ((9, 12), (72, 96)),
    ((9, 12), (36, 48)),
    ((7, 5), (21, 15)),
    ((6, 8), (6, 8)),
    ((6, 8), (48, 32)),
    ((1, 1), (16, 24)),
    ((23, 30), (180, 240)),
    ((17, 11), (135, 86)),
    ((10, 10), (11, 19)),
]


def noise(grid: Size, classes: int) -> np.ndarray:
    seed = (*grid, classes)
    return np.random.default_rng(seed).normal(size=(*grid, classes)).astype(np.float32)


def regions(grid: Size, classes: int) -> np.ndarray:
    """Logits as a trained network gives them: large regions, soft borders, a little noise."""
    coarse = noise((3, 4), classes)
    smooth = cv2.merge([cv2.resize(plane, grid[::-1]) for plane in coarse.transpose(2, 0, 1)])
    return np.asarray(10 * smooth + noise(grid, classes) / 10, np.float32)


def assert_exact(logits: np.ndarray, size: Size) -> None:
    found = LabelUpsampler(size).labels(logits)
    np.testing.assert_array_equal(found, labels_from_logits(logits, size))


@pytest.mark.parametrize("classes", [2, 3, 19, 60])
@pytest.mark.parametrize(("grid", "size"), GEOMETRIES)
def test_every_pixel_is_exact(grid: Size, size: Size, classes: int) -> None:
    assert_exact(noise(grid, classes), size)
    if min(grid) > 4:
        assert_exact(regions(grid, classes), size)


@pytest.mark.parametrize("classes", [150, 255])
def test_every_pixel_is_exact_with_many_classes(classes: int) -> None:
    assert_exact(noise((4, 5), classes), (32, 40))


@pytest.mark.parametrize(("grid", "size"), GEOMETRIES)
def test_ties_go_to_the_lowest_class(grid: Size, size: Size) -> None:
    few_values = np.round(noise(grid, 6))
    assert_exact(few_values, size)
    assert_exact(np.zeros((*grid, 6), np.float32), size)


@pytest.mark.parametrize("offset", [0.0, 1.0, 1000.0])
def test_classes_within_rounding_of_each_other_are_told_apart_as_the_reference_does(
    offset: float,
) -> None:
    # Class 3 leads everywhere, by one float32 number: interpolation rounds many such leads to ties.
    steps = np.random.default_rng(5).integers(0, 3, (20, 20, 1)) + np.array([0, 0, 0, 1])
    last_digit = np.spacing(np.float32(offset))
    logits = np.float32(offset) + steps.astype(np.float32) * last_digit
    assert np.unique(labels_from_logits(logits, (160, 160))).tolist() == [0, 3]
    assert_exact(logits, (160, 160))


def test_a_class_may_win_in_the_middle_though_it_leads_at_no_corner() -> None:
    logits = np.zeros((1, 2, 3), np.float32)
    logits[0] = [(10, 0, 6), (0, 10, 6)]
    labels = LabelUpsampler((8, 16)).labels(logits)
    assert np.unique(labels).tolist() == [0, 1, 2]
    assert_exact(logits, (8, 16))


def test_work_in_small_portions_gives_the_same_labels(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cpu, "GATHERED", 500)
    monkeypatch.setattr(cpu, "INTERPOLATED", 300)
    assert_exact(noise((9, 12), 7), (72, 96))


def test_one_upsampler_serves_many_frames_and_its_answers_stay() -> None:
    upsampler = LabelUpsampler((72, 96))
    first = upsampler.labels(noise((9, 12), 3))
    kept = first.copy()
    upsampler.labels(noise((9, 12), 5))
    upsampler.labels(noise((18, 24), 5))
    assert (first == kept).all()
    assert first.flags.c_contiguous


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_logits_that_are_not_numbers_are_a_failed_engine(value: float) -> None:
    logits = noise((9, 12), 3)
    logits[4, 5, 1] = value
    with pytest.raises(EngineFailed, match="logits reach from"):
        LabelUpsampler((72, 96)).labels(logits)


@pytest.mark.parametrize("size", [(5, 7), (10, 14), (11, 13), (3, 2), (1, 1), (50, 64)])
def test_labels_are_resized_to_the_nearest_pixel_s_centre(size: Size) -> None:
    labels = np.random.default_rng(0).integers(0, 255, (5, 7), dtype=np.uint8)
    rows = np.floor((np.arange(size[0]) + 0.5) * 5 / size[0]).astype(int)
    columns = np.floor((np.arange(size[1]) + 0.5) * 7 / size[1]).astype(int)
    resized = resize_labels(labels, *size)
    assert (resized == labels[rows][:, columns]).all()
    assert resized.flags.c_contiguous
