from __future__ import annotations

from typing import Tuple

import numpy as np
import pytest

from runtime.image.resample import taps
from runtime.inference.postprocess.cells import CellImage, cell_axis

AXES = [(45, 360), (5, 15), (1, 8), (3, 3), (23, 180), (68, 540), (30, 31), (7, 100)]


@pytest.mark.parametrize(("samples", "pixels"), AXES)
def test_every_pixel_has_a_place_of_its_own_with_its_weights(samples: int, pixels: int) -> None:
    axis = cell_axis(samples, pixels)
    assert len(np.unique(axis.picks)) == pixels
    before, after = axis.weights(np.arange(axis.cells))
    between = taps(samples, pixels)
    assert (before.T.reshape(-1)[axis.picks] == between.before_weight).all()
    assert (after.T.reshape(-1)[axis.picks] == between.after_weight).all()


@pytest.mark.parametrize(("samples", "pixels"), AXES)
def test_a_cell_s_neighbours_are_the_samples_around_its_pixels(samples: int, pixels: int) -> None:
    axis = cell_axis(samples, pixels)
    before, after = axis.neighbours(axis.picks // axis.room)
    between = taps(samples, pixels)
    assert (before == between.lower).all()
    assert (after == between.upper).all()


@pytest.mark.parametrize(("samples", "pixels"), [(45, 360), (5, 15), (1, 8), (3, 3)])
def test_whole_factors_leave_no_gaps(samples: int, pixels: int) -> None:
    assert cell_axis(samples, pixels).gapless


@pytest.mark.parametrize("size", [(16, 12), (9, 6), (11, 10)])
def test_cells_are_filled_and_put_where_their_pixels_are(size: Tuple[int, int]) -> None:
    rows, columns = cell_axis(2, size[0]), cell_axis(3, size[1])
    image = CellImage(rows, columns)
    ids = np.arange(12, dtype=np.uint8).reshape(3, 4)
    image.fill(ids)
    expected = ids[(taps(2, size[0]).before + 1)[:, None], taps(3, size[1]).before + 1]
    assert (image.labels() == expected).all()

    chosen = np.full((rows.room, columns.room, 2), (70, 80), np.uint8)
    image.put(np.array([1, 2]), np.array([2, 0]), chosen)
    changed = np.where(expected == ids[1, 2], 70, np.where(expected == ids[2, 0], 80, expected))
    assert (image.labels() == changed).all()


def test_corners_index_the_samples_in_reading_order() -> None:
    image = CellImage(cell_axis(2, 16), cell_axis(3, 24))
    down, across = np.array([0, 1, 2]), np.array([0, 1, 3])
    corners = [corner.tolist() for corner in image.corners(down, across)]
    assert corners == [[0, 0, 5], [0, 1, 5], [0, 3, 5], [0, 4, 5]]
