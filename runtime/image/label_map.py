"""Class names, palettes and the label map: masks as first-class data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Tuple

import numpy as np

from runtime.errors import InvalidInput

Colour = Tuple[int, int, int]


@dataclass(frozen=True)
class Classes:
    """The classes of a model, in the order of their ids.

    Attributes:
        names: one name per class id, unique.
        palette: one RGB colour (0-255) per class id.
        ignore_id: the id of unlabelled pixels in ground truth, never predicted.
    """

    names: Tuple[str, ...]
    palette: Tuple[Colour, ...]
    ignore_id: int = 255

    def __post_init__(self) -> None:
        if not 2 <= len(self.names) <= 255:
            raise InvalidInput(f"{len(self.names)} classes were given", "Give 2 to 255 classes")
        if len(set(self.names)) != len(self.names):
            raise InvalidInput(f"class names repeat: {self.names}", "Give each class its own name")
        if len(self.palette) != len(self.names):
            raise InvalidInput(
                f"the palette has {len(self.palette)} colours for {len(self.names)} classes",
                "Give one RGB colour per class",
            )
        values = [value for colour in self.palette for value in colour]
        if {len(c) for c in self.palette} != {3} or not all(0 <= v <= 255 for v in values):
            raise InvalidInput("a palette entry is not an RGB triple", "Use numbers from 0 to 255")
        if not len(self.names) <= self.ignore_id <= 255:
            raise InvalidInput(
                f"ignore_id {self.ignore_id} is the id of a class or above 255",
                f"Use an id from {len(self.names)} to 255",
            )

    def __len__(self) -> int:
        return len(self.names)

    def colours(self) -> np.ndarray:
        """The palette padded to all 256 ids: (256, 3) uint8 RGB, black where there is no class."""
        table = np.zeros((256, 3), np.uint8)
        table[: len(self.palette)] = self.palette
        return table


@dataclass(frozen=True)
class LabelMap:
    """One class id per pixel.

    Attributes:
        labels: (height, width) uint8, C-contiguous; every value is an id of `classes`.
        classes: what the ids mean.
    """

    labels: np.ndarray
    classes: Classes

    def __post_init__(self) -> None:
        labels = self.labels
        if labels.dtype != np.uint8 or labels.ndim != 2 or labels.size == 0:
            raise InvalidInput(
                f"a label map has shape {labels.shape} and type {labels.dtype}",
                "A label map is a non-empty (height, width) array of uint8",
            )
        object.__setattr__(self, "labels", np.ascontiguousarray(labels))
        # The maximum is a vector instruction; counting every id would cost milliseconds a frame.
        highest = int(self.labels.max())
        if highest >= len(self.classes):
            raise InvalidInput(
                f"a label map holds id {highest} but the model has {len(self.classes)} classes",
                "Use the classes of the engine that made the map",
            )

    @property
    def height(self) -> int:
        """Rows, pixels."""
        return int(self.labels.shape[0])

    @property
    def width(self) -> int:
        """Columns, pixels."""
        return int(self.labels.shape[1])

    def pixel_counts(self) -> np.ndarray:
        """Pixels of each class: (classes,) int64; their sum is height x width."""
        return np.bincount(self.labels.reshape(-1), minlength=len(self.classes))

    def shares(self) -> np.ndarray:
        """Share of the image of each class: (classes,) float64, summing to 1."""
        return self.pixel_counts() / self.labels.size
