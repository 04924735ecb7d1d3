"""A tiny network, calibrated on a few images: what the tests of INT8's quality start from."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Tuple

import onnx

from runtime.builder.data.dataset import SegmentationDataset
from runtime.builder.data.layouts import open_dataset
from runtime.builder.export.export import onnx_from_model
from runtime.builder.quantization.calibrate import RangeTable, ranges_from_images
from runtime.builder.quantization.comparison import ComparisonSet, FloatAnswers
from runtime.repository.manifest import InputSpec
from tests.builder.networks import narrow, randomised, stretched, textured_dataset

SPEC: InputSpec = stretched(64, 96)


@dataclass(frozen=True)
class Calibrated:
    """A float master, its ranges, and images with labels to compare on."""

    model: onnx.ModelProto
    table: RangeTable
    images: Tuple[Path, ...]
    labelled: SegmentationDataset

    @property
    def compared_on(self) -> ComparisonSet:
        return ComparisonSet.of_dataset(self.labelled, 5)

    def answers(self) -> FloatAnswers:
        return FloatAnswers(self.model, self.compared_on, SPEC)


def calibrated_in(folder: Path) -> Calibrated:
    """One level, stride 8, a dozen channels a layer."""
    dataset = open_dataset(textured_dataset(folder / "brightness"))
    images = tuple(image.image for image in dataset.samples)
    model = onnx_from_model(randomised(narrow(levels=1, output_stride=8)), 64, 96)
    return Calibrated(model, ranges_from_images(model, images, SPEC), images, dataset)
