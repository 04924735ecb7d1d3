"""A label map as cells: the pixels between four neighbouring samples of the logits' grid.

With its border repeated, a grid of h x w samples has (h + 1) x (w + 1) cells. Cell (r, c) has the
samples (r - 1, c - 1), (r - 1, c), (r, c - 1) and (r, c) as corners.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import List, Tuple

import numpy as np

from runtime.image.resample import taps

Weights = Tuple[np.ndarray, np.ndarray]
"""Weights of the samples before and after each pixel of n cells: two (room, n) float32."""


@dataclass(frozen=True)
class CellAxis:
    """One axis cut into cells, each with room for as many pixels as the longest has.

    Attributes:
        samples: of the grid; there is one cell more.
        room: pixels.
        before_weight: (room, cells) float32; junk where a cell has no pixel for it.
        after_weight: (room, cells) float32; likewise.
        picks: (pixels,) int64, the place of each pixel among cells * room.
    """

    samples: int
    room: int
    before_weight: np.ndarray
    after_weight: np.ndarray
    picks: np.ndarray

    @property
    def cells(self) -> int:
        """How many cells the axis has."""
        return self.samples + 1

    @property
    def gapless(self) -> bool:
        """Whether the pixels lie side by side, as they do where the factor is a whole number."""
        return bool(self.picks[-1] - self.picks[0] == len(self.picks) - 1)

    def neighbours(self, cells: np.ndarray) -> Tuple[np.ndarray, np.ndarray]:
        """The samples before and after each cell."""
        return np.maximum(cells - 1, 0), np.minimum(cells, self.samples - 1)

    def weights(self, cells: np.ndarray) -> Weights:
        """The weights of the samples before and after, for each pixel of n cells."""
        return self.before_weight.take(cells, axis=1), self.after_weight.take(cells, axis=1)


def cell_axis(samples: int, pixels: int) -> CellAxis:
    """Cuts an axis into the cells between its samples.

    Args:
        samples: of the logits' grid.
        pixels: of the labels.
    """
    between = taps(samples, pixels)
    cell = between.before + 1
    room = int(np.bincount(cell).max())
    first = np.searchsorted(cell, np.arange(samples + 1))
    # The border cuts the first cell: pushed against its neighbour, it leaves no gap between them.
    first[0] = first[1] - room
    inside = np.clip(first + np.arange(room)[:, None], 0, pixels - 1)
    return CellAxis(
        samples=samples,
        room=room,
        before_weight=between.before_weight[inside],
        after_weight=between.after_weight[inside],
        picks=cell * room + np.arange(pixels) - first[cell],
    )


class CellImage:
    """Labels of all cells, in a buffer where every cell has the same room.

    A row of a cell's pixels is one item of `words`, so that cells are filled and set by whole rows.

    Args:
        rows: the vertical axis.
        columns: the horizontal axis.
    """

    def __init__(self, rows: CellAxis, columns: CellAxis) -> None:
        self.rows = rows
        self.columns = columns
        self._pixels = np.empty((rows.cells * rows.room, columns.cells * columns.room), np.uint8)
        word = np.dtype((np.void, columns.room))
        self._words = self._pixels.view(word).reshape(rows.cells, rows.room, columns.cells)
        self._word_of = np.arange(256, dtype=np.uint8).repeat(columns.room).view(word)

    @property
    def pixels_per_cell(self) -> int:
        """Pixels of the largest cell."""
        return self.rows.room * self.columns.room

    def fill(self, labels: np.ndarray) -> None:
        """Gives each cell one label: (cells down, cells across) uint8."""
        self._words[...] = self._word_of.take(labels)[:, None, :]

    def put(self, down: np.ndarray, across: np.ndarray, labels: np.ndarray) -> None:
        """Gives n cells their pixels.

        Args:
            down: (n,), the cells' rows.
            across: (n,), the cells' columns.
            labels: (rows' room, columns' room, n) uint8.
        """
        words = np.ascontiguousarray(labels.transpose(2, 0, 1)).view(self._words.dtype)
        self._words[down, :, across] = words[..., 0]

    def labels(self) -> np.ndarray:
        """The image without the room that no pixel uses: (height, width) uint8, a copy."""
        rows, columns = self.rows.picks, self.columns.picks
        if not (self.rows.gapless and self.columns.gapless):
            return picked(self._pixels, rows, columns)
        used = slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)
        copied: np.ndarray = self._pixels[used].copy()
        return copied

    def corners(self, down: np.ndarray, across: np.ndarray) -> List[np.ndarray]:
        """Flat indices of the samples above left, above right, below left, below right of cells.

        Args:
            down: (n,), the cells' rows.
            across: (n,), the cells' columns.

        Returns:
            Four of (n,) int64.
        """
        above, below = (sample * self.columns.samples for sample in self.rows.neighbours(down))
        left, right = self.columns.neighbours(across)
        return [above + left, above + right, below + left, below + right]


def picked(image: np.ndarray, rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
    """The rows and columns of an image that are asked for: `image[rows][:, columns]`.

    Args:
        image: (height, width) uint8.
        rows: (rows,) int64, indices.
        columns: (columns,) int64, indices.

    Returns:
        (rows, columns) uint8, C-contiguous.
    """
    found: np.ndarray = image.take(columns, axis=1).take(rows, axis=0)
    return found
