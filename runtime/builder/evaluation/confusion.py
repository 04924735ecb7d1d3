"""The confusion matrix of a segmentation, the measures it gives, and the report of them."""

from __future__ import annotations

from typing import Dict, Optional, Sequence, Tuple

import numpy as np
from pydantic import BaseModel, ConfigDict

from runtime.errors import InvalidInput


class EvaluationReport(BaseModel):
    """The measures of one predictor on one set of images; shares are between 0 and 1.

    Attributes:
        dataset: its name.
        splits: where the images come from.
        images: images compared.
        miou: mean of `iou` over the classes that have one.
        pixel_accuracy: share of the labelled pixels predicted right.
        iou: intersection over union by class name; None for a class that is neither labelled nor
            predicted in any image, which does not count.
        confusion: pixels by (truth, prediction), rows and columns in the order of `iou`.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    dataset: str
    splits: Tuple[str, ...]
    images: int
    miou: float
    pixel_accuracy: float
    iou: Dict[str, Optional[float]]
    confusion: Tuple[Tuple[int, ...], ...]


class ConfusionMatrix:
    """Counts of (truth, prediction) pairs over any number of label maps.

    Args:
        classes: number of classes.
        ignore_id: truth of pixels that are not counted, whatever was predicted there.
    """

    def __init__(self, classes: int, ignore_id: int = 255) -> None:
        self.ignore_id = ignore_id
        self.counts = np.zeros((classes, classes), np.int64)

    def add(self, truth: np.ndarray, predicted: np.ndarray) -> None:
        """Count one pair of label maps.

        Args:
            truth: (height, width) uint8, class ids or the ignore id.
            predicted: (height, width) uint8, class ids.

        Raises:
            InvalidInput: the shapes differ, or an id is none of the classes.
        """
        if truth.shape != predicted.shape:
            raise InvalidInput(
                f"a prediction has shape {predicted.shape} but its truth has {truth.shape}",
                "Predict label maps of the image's own size",
            )
        labelled = truth != self.ignore_id
        known, answers = truth[labelled].astype(np.int64), predicted[labelled].astype(np.int64)
        classes = len(self.counts)
        if known.size and max(int(known.max()), int(answers.max())) >= classes:
            raise InvalidInput(
                f"a label map holds an id above {classes - 1}",
                f"Compare maps of the same {classes} classes",
            )
        pairs = np.bincount(known * classes + answers, minlength=classes * classes)
        self.counts += pairs.reshape(classes, classes)

    @property
    def pixels(self) -> int:
        """Labelled pixels counted."""
        return int(self.counts.sum())

    def iou(self) -> Tuple[Optional[float], ...]:
        """Intersection over union of each class; None for one neither labelled nor predicted."""
        hits = np.diag(self.counts)
        unions = self.counts.sum(0) + self.counts.sum(1) - hits
        return tuple(float(hit / union) if union else None for hit, union in zip(hits, unions))

    def mean_iou(self) -> float:
        """Mean of `iou` over the classes that have one.

        Raises:
            InvalidInput: nothing was counted.
        """
        present = [value for value in self.iou() if value is not None]
        if not present:
            raise InvalidInput(
                "no labelled pixel was compared", "Evaluate images that have labelled pixels"
            )
        return float(np.mean(present))

    def pixel_accuracy(self) -> float:
        """Share of the labelled pixels that were predicted right.

        Raises:
            InvalidInput: nothing was counted.
        """
        if not self.pixels:
            raise InvalidInput(
                "no labelled pixel was compared", "Evaluate images that have labelled pixels"
            )
        return float(np.trace(self.counts) / self.pixels)

    def report(
        self, dataset: str, splits: Tuple[str, ...], names: Sequence[str], images: int
    ) -> EvaluationReport:
        """All measures as a value.

        Args:
            dataset: name of the dataset.
            splits: where the images come from.
            names: of the classes.
            images: images counted.

        Raises:
            InvalidInput: nothing was counted.
        """
        return EvaluationReport(
            dataset=dataset,
            splits=splits,
            images=images,
            miou=self.mean_iou(),
            pixel_accuracy=self.pixel_accuracy(),
            iou=dict(zip(names, self.iou())),
            confusion=tuple(tuple(int(count) for count in row) for row in self.counts),
        )
