"""How well something that turns images into label maps agrees with the truth, or with another."""

from __future__ import annotations

from typing import Callable

import numpy as np
import torch
from torch import nn

from runtime.builder.data.dataset import SegmentationDataset
from runtime.builder.evaluation.confusion import ConfusionMatrix, EvaluationReport
from runtime.inference.letterbox import place
from runtime.inference.postprocess.cpu import LabelUpsampler, resize_labels
from runtime.inference.preprocess.reference import network_input
from runtime.repository.manifest import InputSpec

Predictor = Callable[[np.ndarray], np.ndarray]
"""From (height, width, 3) uint8 BGR, as in a Frame, to (height, width) uint8 class ids."""


class ModelPredictor:
    """A torch model as a predictor, with the preprocessing and the exact labels of serving.

    Args:
        model: takes normalised images; it is put into evaluation mode.
        spec: its input.
        device: where it is.
    """

    def __init__(self, model: nn.Module, spec: InputSpec, device: torch.device) -> None:
        self._model = model.eval()
        self._spec = spec
        self._device = device
        self._upsampler = LabelUpsampler((spec.height, spec.width))

    @torch.no_grad()
    def __call__(self, bgr: np.ndarray) -> np.ndarray:
        """See `Predictor`.

        Raises:
            EngineFailed: a logit is not a finite number.
        """
        height, width = bgr.shape[:2]
        placement = place(height, width, self._spec)
        image = torch.from_numpy(network_input(bgr, self._spec)).to(self._device)
        logits = self._model(image)[0].permute(1, 2, 0).float().cpu().numpy()
        labels = self._upsampler.labels(np.ascontiguousarray(logits))
        return resize_labels(labels[placement.rows, placement.columns], height, width)


def evaluate(predict: Predictor, images: SegmentationDataset) -> EvaluationReport:
    """Compares predictions with the truth at each image's own size, one image at a time.

    Args:
        predict: what is measured.
        images: labelled, with the classes that it predicts.

    Raises:
        InvalidInput: an image is broken, a prediction has another size or foreign ids, or no
            pixel is labelled.
    """
    matrix = ConfusionMatrix(len(images.classes), images.classes.ignore_id)
    for index in range(len(images)):
        rgb, truth = images.load(index)
        matrix.add(truth, predict(np.ascontiguousarray(rgb[..., ::-1])))
    return matrix.report(images.name, images.splits, images.classes.names, len(images))


def agreement(first: Predictor, second: Predictor, images: SegmentationDataset) -> float:
    """Share of all pixels, unlabelled ones included, to which two predictors give one class.

    Args:
        first: one predictor.
        second: the other.
        images: of which labels are of no interest.

    Raises:
        InvalidInput: an image is broken.
    """
    same = total = 0
    for index in range(len(images)):
        bgr = np.ascontiguousarray(images.load(index)[0][..., ::-1])
        equal = first(bgr) == second(bgr)
        same += int(equal.sum())
        total += equal.size
    return same / total
