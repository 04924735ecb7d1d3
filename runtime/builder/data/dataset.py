"""Folders of images and label maps as values: which images there are, and their pixels.

The layouts on disk are read by `layouts.open_dataset`; this module knows images, selection and
decoding only.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from fnmatch import fnmatch
from pathlib import Path
from typing import Dict, Optional, Sequence, Tuple, TypeVar

import cv2
import numpy as np
from typing_extensions import Literal

from runtime.builder.data.label_file import StoredLabels, read_labels
from runtime.errors import InvalidInput
from runtime.image.codec import decode_file
from runtime.image.label_map import Classes
from runtime.image.orientation import UPRIGHT, exif_orientation, swaps_sides, turned_upright

T = TypeVar("T")

UNKNOWN = -1
"""Entry of `ids_on_disk` for an id that no label map of the layout may hold."""

Decoded = Tuple[np.ndarray, np.ndarray]
"""An image, (height, width, 3) uint8 RGB, and its labels, (height, width) uint8."""

Drawn = Literal["upright", "stored"]
"""Which pixels of an image with an EXIF orientation its label map was drawn on: those that viewers
show, or those that the file stores."""


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
        samples: in a fixed order (split, then name), never empty.
        ids_on_disk: (256,) int16; for each id in the files its class id or the ignore id, or
            `UNKNOWN` where it is forbidden.
        drawn_on: where the dataset says it, which pixels of turned images label maps follow.
        remarks: what lies in the folder beside the samples and is not used, in sentences.
    """

    name: str
    classes: Classes
    samples: Tuple[Sample, ...]
    ids_on_disk: np.ndarray = field(repr=False, compare=False)
    drawn_on: Optional[Drawn] = None
    remarks: Tuple[str, ...] = field(default=(), repr=False, compare=False)

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
        image, orientation = _read_oriented(sample.image)
        stored = read_labels(sample.labels)
        labels = self._as_shown(sample, image.shape[:2], orientation, stored)
        return image, self._class_ids(labels, sample.labels)

    def _as_shown(
        self, sample: Sample, shown: Tuple[int, ...], orientation: int, stored: StoredLabels
    ) -> np.ndarray:
        """The ids in the frame of the upright image; sizes that differ are refused.

        Args:
            sample: for complaints.
            shown: height and width of the image as it is shown.
            orientation: EXIF's, by which the image was turned.
            stored: the label map.
        """
        drawn_on = self._drawn_on(sample, shown, orientation, stored)
        ids = turned_upright(stored.ids, orientation) if drawn_on == "stored" else stored.ids
        if ids.shape != shown:
            raise InvalidInput(
                f"{sample.labels} is {stored.ids.shape[1]}x{stored.ids.shape[0]} but its image "
                f"{sample.image.name} is {shown[1]}x{shown[0]}",
                "Make label maps of exactly the image's size",
            )
        return ids

    def _drawn_on(
        self, sample: Sample, shown: Tuple[int, ...], orientation: int, stored: StoredLabels
    ) -> Drawn:
        if stored.orientation not in (UPRIGHT, orientation):
            raise InvalidInput(
                f"label map {sample.labels} has the EXIF orientation {stored.orientation}, its "
                f"image {sample.image.name} {orientation}",
                "Save the label map without it, its pixels on those of the image",
            )
        if orientation == UPRIGHT:
            return "upright"
        if stored.orientation == orientation:
            return "stored"
        if self.drawn_on is not None:
            return self.drawn_on
        if swaps_sides(orientation) and shown[0] != shown[1]:
            return "upright" if stored.ids.shape == shown else "stored"
        raise InvalidInput(
            f"{sample.image} is turned by its EXIF orientation {orientation}, and nothing tells "
            f"whether {sample.labels.name} follows the turned or the stored pixels",
            'Say it in dataset.json, as `"labels_drawn_on": "upright"` (as viewers show the '
            'image) or `"stored"`, or save the image upright and without the orientation',
        )

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
    """Decodes an image file to (height, width, 3) uint8 RGB, turned upright by its EXIF tag.

    Raises:
        InvalidInput: the file is missing, damaged or no image.
    """
    return _read_oriented(path)[0]


def _read_oriented(path: Path) -> Tuple[np.ndarray, int]:
    """The image as it is shown, and the EXIF orientation by which it was turned."""
    rgb: np.ndarray = cv2.cvtColor(decode_file(path), cv2.COLOR_BGR2RGB)
    return rgb, exif_orientation(path.read_bytes())


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
