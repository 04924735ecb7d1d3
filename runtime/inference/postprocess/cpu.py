"""Full-size labels from low-resolution logits, exact, and mostly without interpolating.

Four neighbouring samples of the logits span a cell of pixels (`cells`). An interpolated logit is a
weighted mean of its cell's corners, so a class that leads at all four leads throughout: the cell is
filled. In the other cells only the classes that can still win are interpolated, by the reference's
own formula.

Why every pixel equals the reference's, ties and rounding included: `interpolate` rounds a product
and a sum per axis, so it is off by less than 4.1 * 2**-24 of the logits' largest magnitude. To lead
means to be ahead by more than 2**-20 of that, which two such errors and the comparison's own cannot
undo. A class is given up only where another leads it at its strongest corner with its own weakest.
Whatever is closer is interpolated.
"""

from __future__ import annotations

from typing import Iterator, List, Tuple

import cv2
import numpy as np

from runtime.errors import EngineFailed
from runtime.image.resample import blend
from runtime.inference.postprocess.cells import CellImage, cell_axis, picked

LEAD = np.float32(2.0**-20)
"""Share of the largest magnitude by which a class must be ahead to be sure of winning."""
GATHERED = 1 << 20
"""Logits gathered at once for cells without a sure winner; bounds the memory of noisy maps."""
INTERPOLATED = 1 << 16
"""Pixels of a class interpolated at once: 256 KiB of float32 stay in the second-level cache."""


class LabelUpsampler:
    """Labels at the model's size, equal to `reference.labels_from_logits` in every pixel.

    It reuses its buffers: one thread at a time.

    Args:
        size: height and width of the labels, pixels.
    """

    def __init__(self, size: Tuple[int, int]) -> None:
        self._size = size
        self._grid = (0, 0)

    def labels(self, logits: np.ndarray) -> np.ndarray:
        """The winning class of every pixel.

        Args:
            logits: (grid height, grid width, classes) float32, C-contiguous, 2 to 255 classes.

        Returns:
            (height, width) uint8, C-contiguous, the caller's own.

        Raises:
            EngineFailed: a logit is not a finite number.
        """
        height, width, classes = logits.shape
        if self._grid != (height, width):
            self._lay_out(height, width)
        samples = logits.reshape(height * width, classes)
        planes = cv2.transpose(samples).reshape(classes, height, width)
        lead = _sure_lead(planes)
        lowest, highest = _leaders(planes, lead)
        self._image.fill(lowest)
        down, across = np.nonzero(lowest != highest)
        step = max(1, GATHERED // (4 * classes))
        for start in range(0, len(down), step):
            chunk = slice(start, start + step)
            self._interpolate(samples, down[chunk], across[chunk], lead)
        return self._image.labels()

    def _lay_out(self, height: int, width: int) -> None:
        rows, columns = cell_axis(height, self._size[0]), cell_axis(width, self._size[1])
        self._image = CellImage(rows, columns)
        pixels = max(INTERPOLATED, self._image.pixels_per_cell)
        self._floats = np.empty((3, pixels), np.float32)
        self._bytes = np.empty((2, pixels), np.uint8)
        self._grid = (height, width)

    def _interpolate(
        self, samples: np.ndarray, down: np.ndarray, across: np.ndarray, lead: np.float32
    ) -> None:
        """Labels the pixels of cells that more than one class could win.

        Args:
            samples: (samples of the grid, classes) float32, the logits.
            down: (n,), the cells' rows.
            across: (n,), the cells' columns.
            lead: by how much a class must be ahead at the corners to be sure of winning.
        """
        image = self._image
        corners = [cv2.transpose(samples.take(c, axis=0)) for c in image.corners(down, across)]
        at_once = max(1, INTERPOLATED // image.pixels_per_cell)
        for cells, candidates in _candidates(corners, lead):
            for start in range(0, len(cells), at_once):
                chunk = slice(start, start + at_once)
                chosen, classes = cells[chunk], candidates[:, chunk]
                values = [corner[classes, chosen] for corner in corners]
                self._put_winners(values, classes.astype(np.uint8), down[chosen], across[chosen])

    def _put_winners(
        self,
        corners: List[np.ndarray],
        classes: np.ndarray,
        down: np.ndarray,
        across: np.ndarray,
    ) -> None:
        """Labels every pixel of n cells with the best of their candidates.

        Args:
            corners: four of (candidates, n) float32, the candidates' logits.
            classes: (candidates, n) uint8, ascending in each cell.
            down: (n,), the cells' rows.
            across: (n,), the cells' columns.
        """
        rows, columns = self._image.rows, self._image.columns
        shape = (rows.room, columns.room, len(down))
        value, best, spare = (_shaped(scratch, shape) for scratch in self._floats)
        ids, labels = (_shaped(scratch, shape) for scratch in self._bytes)
        above_weight, below_weight = (weight[:, None] for weight in rows.weights(down))
        column_weights = columns.weights(across)
        labels[...] = classes[0]
        for nth, (above_left, above_right, below_left, below_right) in enumerate(zip(*corners)):
            above = blend(above_left, above_right, *column_weights)
            below = blend(below_left, below_right, *column_weights)
            if nth == 0:
                blend(above, below, above_weight, below_weight, best, spare)
                continue
            blend(above, below, above_weight, below_weight, value, spare)
            # Ids ascend, so the later winner is the larger; masked assignment is not vectorised.
            np.multiply((value > best).view(np.uint8), classes[nth], out=ids)
            np.maximum(labels, ids, out=labels)
            np.maximum(best, value, out=best)
        self._image.put(down, across, labels)


def _shaped(scratch: np.ndarray, shape: Tuple[int, int, int]) -> np.ndarray:
    return scratch[: shape[0] * shape[1] * shape[2]].reshape(shape)


def _sure_lead(planes: np.ndarray) -> np.float32:
    """By how much a class must be ahead at the corners to be ahead after rounding."""
    highest, lowest = planes.max(), planes.min()
    if not (np.isfinite(highest) and np.isfinite(lowest)):
        raise EngineFailed(
            f"the engine's logits reach from {lowest} to {highest}",
            "Rebuild it in a wider precision, or check its weights",
        )
    # Below the smallest normal number rounding errors no longer shrink with the values.
    lead: np.float32 = np.maximum(LEAD * max(highest, -lowest), np.finfo(np.float32).tiny)
    return lead


def _leaders(planes: np.ndarray, lead: np.float32) -> Tuple[np.ndarray, np.ndarray]:
    """The lowest and the highest class that no other leads at some corner of a cell.

    They are one class where it leads at all four corners, and then it has the cell.

    Returns:
        Two (cells down, cells across) uint8.
    """
    best = planes[0].copy()
    for plane in planes[1:]:
        np.maximum(best, plane, out=best)
    enough = best - lead
    from_top, highest = np.zeros(best.shape, np.uint8), np.zeros(best.shape, np.uint8)
    for class_id, plane in enumerate(planes):
        leads = (plane >= enough).view(np.uint8)
        np.maximum(from_top, leads * np.uint8(255 - class_id), out=from_top)
        np.maximum(highest, leads * np.uint8(class_id), out=highest)
    return 255 - _highest_corner(from_top), _highest_corner(highest)


def _highest_corner(samples: np.ndarray) -> np.ndarray:
    """The maximum at each cell's corners: from (height, width) to (height + 1, width + 1)."""
    bordered = np.pad(samples, 1, mode="edge")
    above_and_below = np.maximum(bordered[:-1], bordered[1:])
    highest: np.ndarray = np.maximum(above_and_below[:, :-1], above_and_below[:, 1:])
    return highest


def _candidates(
    corners: List[np.ndarray], lead: np.float32
) -> Iterator[Tuple[np.ndarray, np.ndarray]]:
    """Groups cells by how many classes can win them.

    Args:
        corners: four of (classes, n) float32, the logits at the cells' corners.
        lead: by how much a class must be ahead at the corners to be sure of winning.

    Yields:
        The cells' indices (n,) and their candidates (width, n), ascending, both int64. Width is a
        power of two, or all classes; shorter lists repeat their last class, which cannot win twice.
    """
    above_left, above_right, below_left, below_right = corners
    weakest = np.minimum(above_left, above_right)
    np.minimum(weakest, np.minimum(below_left, below_right), out=weakest)
    strongest = np.maximum(above_left, above_right)
    np.maximum(strongest, np.maximum(below_left, below_right), out=strongest)
    can_win = strongest >= weakest.max(axis=0) - lead
    counts = can_win.view(np.uint8).sum(axis=0, dtype=np.uint8).astype(np.int64)
    candidates = np.flatnonzero(can_win.T) % len(can_win)
    starts = np.cumsum(counts) - counts
    widths = np.minimum(2 ** np.ceil(np.log2(counts)), len(can_win)).astype(np.int64)
    for width in np.unique(widths):
        cells = np.flatnonzero(widths == width)
        nth = np.minimum(np.arange(width)[:, None], counts[cells] - 1)
        yield cells, candidates[starts[cells] + nth]


def resize_labels(labels: np.ndarray, height: int, width: int) -> np.ndarray:
    """Labels at another size by nearest neighbour with half-pixel centres.

    Target pixel i of n takes source pixel floor((i + 1/2) * source / n), in whole numbers.

    Args:
        labels: (source height, source width) uint8.
        height: rows of the result.
        width: columns of the result.

    Returns:
        (height, width) uint8; `labels` itself where the size is already right.
    """
    if labels.shape == (height, width):
        return labels
    return picked(labels, _nearest(labels.shape[0], height), _nearest(labels.shape[1], width))


def _nearest(source: int, target: int) -> np.ndarray:
    return (2 * np.arange(target, dtype=np.int64) + 1) * source // (2 * target)
