"""Images in the geometry of a model's input, as serving brings them there."""

from __future__ import annotations

from typing import Dict

import numpy as np

from runtime.builder.data.dataset import Decoded, SegmentationDataset
from runtime.inference.letterbox import place
from runtime.inference.postprocess.cpu import resize_labels
from runtime.inference.preprocess.cpu import resize_into
from runtime.repository.manifest import InputSpec


def fitted_sample(
    image: np.ndarray, labels: np.ndarray, spec: InputSpec, ignore_id: int
) -> Decoded:
    """An image and its labels at the model's size, with the runtime's own preprocessing.

    Args:
        image: (height, width, 3) uint8 RGB.
        labels: (height, width) uint8.
        spec: size, geometry and padding colour of the input.
        ignore_id: label of the padding.

    Returns:
        image (spec.height, spec.width, 3) uint8 RGB and labels (spec.height, spec.width) uint8; the
        arguments themselves where they have that size.
    """
    if labels.shape == (spec.height, spec.width):
        return image, labels
    placement = place(labels.shape[0], labels.shape[1], spec)
    bgr = np.empty((spec.height, spec.width, 3), np.uint8)
    resize_into(np.ascontiguousarray(image[..., ::-1]), bgr, placement, spec)
    truth = np.full((spec.height, spec.width), ignore_id, np.uint8)
    shown = resize_labels(labels, placement.height, placement.width)
    truth[placement.rows, placement.columns] = shown
    return np.ascontiguousarray(bgr[..., ::-1]), truth


class FittedSamples:
    """The images of a dataset at the model's size, kept in memory as far as a budget goes.

    Nothing is ever evicted: training visits every image once an epoch, in random order, where
    eviction only loses.

    Args:
        dataset: what to read.
        spec: geometry of the model's input.
        budget_bytes: memory for decoded pixels; 0 keeps nothing.
    """

    def __init__(self, dataset: SegmentationDataset, spec: InputSpec, budget_bytes: int) -> None:
        self.dataset = dataset
        self.spec = spec
        self._budget_left = budget_bytes
        self._kept: Dict[int, Decoded] = {}

    def __len__(self) -> int:
        return len(self.dataset)

    def __getitem__(self, index: int) -> Decoded:
        """As `fitted_sample` returns it; the arrays are shared and must not be written to."""
        if index in self._kept:
            return self._kept[index]
        sample = self.dataset.load(index)
        image, labels = fitted_sample(*sample, self.spec, self.dataset.classes.ignore_id)
        size = image.nbytes + labels.nbytes
        if size <= self._budget_left:
            self._budget_left -= size
            self._kept[index] = (image, labels)
        return image, labels

    def fill(self) -> None:
        """Decodes what fits the budget now, so that processes forked later share it."""
        for index in range(len(self)):
            kept_before = len(self._kept)
            self[index]
            if len(self._kept) == kept_before:
                return
