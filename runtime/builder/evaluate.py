"""How well something that turns images into label maps agrees with the truth, or with another."""

from __future__ import annotations

from typing import Callable, Dict, Optional, Tuple

import numpy as np
import torch
from pydantic import BaseModel, ConfigDict
from torch import nn

from runtime.builder.confusion import ConfusionMatrix
from runtime.builder.dataset import SegmentationDataset
from runtime.geometry import place
from runtime.manifest import InputSpec
from runtime.postprocess.cpu import LabelUpsampler, resize_labels
from runtime.preprocess.reference import network_input

Predictor = Callable[[np.ndarray], np.ndarray]
"""From (height, width, 3) uint8 BGR, as in a Frame, to (height, width) uint8 class ids."""


class EvaluationReport(BaseModel):
    """The measures of one predictor on one set of pictures; shares are between 0 and 1.

    Attributes:
        dataset: its name.
        splits: where the pictures come from.
        images: pictures compared.
        miou: mean of `iou` over the classes that have one.
        pixel_accuracy: share of the labelled pixels predicted right.
        iou: intersection over union by class name; None for a class that is neither labelled nor
            predicted in any picture, which does not count.
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


class ModelPredictor:
    """A torch model as a predictor, with the preprocessing and the exact labels of serving.

    Args:
        model: takes normalised pictures; it is put into evaluation mode.
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


def evaluate(predict: Predictor, pictures: SegmentationDataset) -> EvaluationReport:
    """Compares predictions with the truth at each picture's own size, one picture at a time.

    Raises:
        InvalidInput: a picture is broken, a prediction has another size or foreign ids, or no
            pixel is labelled.
    """
    matrix = ConfusionMatrix(len(pictures.classes), pictures.classes.ignore_id)
    for index in range(len(pictures)):
        rgb, truth = pictures.load(index)
        matrix.add(truth, predict(np.ascontiguousarray(rgb[..., ::-1])))
    return EvaluationReport(
        dataset=pictures.name,
        splits=pictures.splits,
        images=len(pictures),
        miou=matrix.mean_iou(),
        pixel_accuracy=matrix.pixel_accuracy(),
        iou=dict(zip(pictures.classes.names, matrix.iou())),
        confusion=tuple(tuple(int(count) for count in row) for row in matrix.counts),
    )


def agreement(first: Predictor, second: Predictor, pictures: SegmentationDataset) -> float:
    """Share of all pixels, unlabelled ones included, to which two predictors give one class."""
    same = total = 0
    for index in range(len(pictures)):
        bgr = np.ascontiguousarray(pictures.load(index)[0][..., ::-1])
        equal = first(bgr) == second(bgr)
        same += int(equal.sum())
        total += equal.size
    return same / total
