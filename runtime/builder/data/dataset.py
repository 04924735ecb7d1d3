"""Folders of images and label maps as values: which images there are, and their pixels.

The layouts on disk are read by `layouts.open_dataset`; this module knows images, selection and
decoding only.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from fnmatch import fnmatch
from pathlib import Path
from typing import Dict, Sequence, Tuple, TypeVar

import cv2
import numpy as np
from PIL import Image, UnidentifiedImageError

from runtime.errors import InvalidInput
from runtime.image.codec import decode_file
from runtime.image.label_map import Classes

T = TypeVar("T")

UNKNOWN = -1
"""Entry of `ids_on_disk` for an id that no label map of the layout may hold."""

PIXELS_OF_MODE = {
    "1": "single bits",
    "I": "16-bit numbers",
    "I;16": "16-bit numbers",
    "I;16B": "16-bit numbers",
    "LA": "grey with transparency",
    "RGB": "colours",
    "RGBA": "colours with transparency",
}
"""What Pillow's modes are in a PNG; a 16-bit one is I or I;16, by Pillow's release."""

Decoded = Tuple[np.ndarray, np.ndarray]
"""An image, (height, width, 3) uint8 RGB, and its labels, (height, width) uint8."""


@dataclass(frozen=True)
class Sample:
    """One image with its ground truth.

    Attributes:
        name: unique in its split, without the file's ending.
        split: the part of the dataset it belongs to, such as `train` or `val`.
        image: path of the image.
        labels: path of its label map.
    """

    name: str
    split: str
    image: Path
    labels: Path


@dataclass(frozen=True)
class SegmentationDataset:
    """Images and what their label maps mean; an ordered, immutable selection.

    Attributes:
        name: of the dataset, for reports.
        classes: meaning of the class ids that `load` returns.
        images: in a fixed order (split, then name), never empty.
        ids_on_disk: (256,) int16; for each id in the files its class id or the ignore id, or
            `UNKNOWN` where it is forbidden.
    """

    name: str
    classes: Classes
    samples: Tuple[Sample, ...]
    ids_on_disk: np.ndarray = field(repr=False, compare=False)

    def __post_init__(self) -> None:
        if not self.samples:
            raise InvalidInput(
                f"the selection of dataset {self.name!r} is empty", "Check the splits and patterns"
            )

    def __len__(self) -> int:
        return len(self.samples)

    @property
    def splits(self) -> Tuple[str, ...]:
        """The splits that the images come from, sorted."""
        return tuple(sorted({sample.split for sample in self.samples}))

    def of_splits(self, *splits: str) -> SegmentationDataset:
        """Only the images of these splits.

        Raises:
            InvalidInput: there is no such split.
        """
        for split in splits:
            if split not in self.splits:
                raise InvalidInput(
                    f"dataset {self.name!r} has no split {split!r}",
                    f"Use one of: {', '.join(self.splits)}",
                )
        return replace(self, samples=tuple(p for p in self.samples if p.split in splits))

    def named(self, pattern: str) -> SegmentationDataset:
        """Only the images whose name matches a shell pattern.

        Raises:
            InvalidInput: none does.
        """
        matching = tuple(p for p in self.samples if fnmatch(p.name, pattern))
        if not matching:
            raise InvalidInput(
                f"no image of {self.name!r} is called {pattern!r}",
                f"Names there look like {self.samples[0].name!r}",
            )
        return replace(self, samples=matching)

    def spread(self, most: int) -> SegmentationDataset:
        """At most so many of the images, evenly spread, in their order."""
        return replace(self, samples=evenly(self.samples, most))

    def hold_out(self, pattern: str) -> Tuple[SegmentationDataset, SegmentationDataset]:
        """The images whose name does not match a shell pattern, and those whose name does.

        Raises:
            InvalidInput: the pattern matches none or all of them.
        """
        held = tuple(p for p in self.samples if fnmatch(p.name, pattern))
        rest = tuple(p for p in self.samples if not fnmatch(p.name, pattern))
        if not held or not rest:
            raise InvalidInput(
                f"{pattern!r} holds out {len(held)} of the {len(self)} images of {self.name!r}",
                "Hold out some of the images, not none or all",
            )
        return replace(self, samples=rest), replace(self, samples=held)

    def load(self, index: int) -> Decoded:
        """Decodes an image; its labels are class ids or the ignore id.

        Raises:
            InvalidInput: a file is missing or broken, the sizes differ, or an id is foreign.
        """
        sample = self.samples[index]
        image = read_image(sample.image)
        stored = _read_label_file(sample.labels)
        if stored.shape != image.shape[:2]:
            raise InvalidInput(
                f"{sample.labels} is {stored.shape[1]}x{stored.shape[0]} but its image "
                f"{sample.image.name} is {image.shape[1]}x{image.shape[0]}",
                "Make label maps of exactly the image's size",
            )
        return image, self._class_ids(stored, sample.labels)

    def _class_ids(self, stored: np.ndarray, path: Path) -> np.ndarray:
        labels = self.ids_on_disk[stored]
        if labels.min() == UNKNOWN:
            foreign = np.unique(stored[labels == UNKNOWN]).tolist()
            raise InvalidInput(
                f"{path} holds the ids {foreign}, which dataset {self.name!r} does not define",
                f"Use ids 0 to {len(self.classes) - 1} for its classes, and "
                f"{self.classes.ignore_id} for unlabelled pixels",
            )
        class_ids: np.ndarray = labels.astype(np.uint8)
        return class_ids


def evenly(items: Sequence[T], most: int) -> Tuple[T, ...]:
    """At most so many of the items, evenly spread, in their order."""
    count = min(most, len(items))
    return tuple(items[index * len(items) // count] for index in range(count))


def read_image(path: Path) -> np.ndarray:
    """Decodes an image file to (height, width, 3) uint8 RGB.

    Raises:
        InvalidInput: the file is missing, damaged or no image.
    """
    rgb: np.ndarray = cv2.cvtColor(decode_file(path), cv2.COLOR_BGR2RGB)
    return rgb


def _read_label_file(path: Path) -> np.ndarray:
    if not path.is_file():
        raise InvalidInput(
            f"label map {path} does not exist", "Give every image a label map of the same name"
        )
    try:
        # Not OpenCV, which would turn the indices of a palette PNG into colours.
        with Image.open(path) as opened:
            mode, stored = opened.mode, np.asarray(opened)
    except (UnidentifiedImageError, OSError, SyntaxError) as broken:
        raise InvalidInput(
            f"label map {path} cannot be decoded", "Replace it by a valid PNG file"
        ) from broken
    if mode not in ("L", "P"):
        raise InvalidInput(
            f"label map {path} holds {PIXELS_OF_MODE.get(mode, f'pixels of mode {mode}')}",
            "Store one class id per pixel, as 8-bit grey or palette PNG",
        )
    return stored


def ids_as_stored(classes: Classes) -> np.ndarray:
    """The table of a layout whose files hold class ids and the ignore id as they are."""
    return ids_mapped(
        {class_id: class_id for class_id in range(len(classes))},
        ignored=[classes.ignore_id],
        ignore_id=classes.ignore_id,
    )


def ids_mapped(class_of_id: Dict[int, int], ignored: Sequence[int], ignore_id: int) -> np.ndarray:
    """A table from ids on disk to class ids, `ignored` ones to the ignore id: (256,) int16."""
    table = np.full(256, UNKNOWN, np.int16)
    table[list(ignored)] = ignore_id
    for stored, class_id in class_of_id.items():
        table[stored] = class_id
    return table


def require_same_classes(known: Classes, dataset: SegmentationDataset) -> None:
    """Refuses a dataset whose classes are not those that a model knows.

    Raises:
        InvalidInput: names or order differ.
    """
    if known.names != dataset.classes.names:
        raise InvalidInput(
            f"the model knows the classes {', '.join(known.names)} but {dataset.name!r} has "
            f"{', '.join(dataset.classes.names)}",
            "Evaluate it on a dataset with the same classes in the same order",
        )
