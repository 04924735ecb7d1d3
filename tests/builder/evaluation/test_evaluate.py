from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch.nn import functional

from runtime.builder.data.dataset import SegmentationDataset
from runtime.builder.data.layouts import open_dataset
from runtime.builder.evaluation.confusion import EvaluationReport
from runtime.builder.evaluation.evaluate import ModelPredictor, agreement, evaluate
from runtime.repository.manifest import InputSpec
from tests.builder.networks import narrow, randomised
from tests.builder.scenes import NAMES, write_dataset

CPU = torch.device("cpu")


@pytest.fixture
def dataset(tmp_path: Path) -> SegmentationDataset:
    return open_dataset(write_dataset(tmp_path, train=3, val=1))


def by_brightness(bgr: np.ndarray) -> np.ndarray:
    """A predictor of two classes: sky is blue."""
    return (bgr[..., 0] < 150).astype(np.uint8)


def test_a_predictor_that_knows_the_truth_is_perfect(dataset: SegmentationDataset) -> None:
    answers = iter([np.where(dataset.load(i)[1] == 255, 0, dataset.load(i)[1]) for i in range(4)])

    report = evaluate(lambda _: next(answers), dataset)

    assert report.miou == report.pixel_accuracy == 1
    assert report.images == 4
    assert report.splits == ("train", "val")


def test_a_report_counts_over_all_images_not_per_image(dataset: SegmentationDataset) -> None:
    report = evaluate(by_brightness, dataset)

    truth = np.stack([dataset.load(i)[1] for i in range(4)])
    predicted = np.stack([by_brightness(dataset.load(i)[0][..., ::-1]) for i in range(4)])
    known = truth != 255
    for class_id, name in enumerate(NAMES):
        both = ((truth == class_id) & (predicted == class_id))[known].sum()
        either = ((truth == class_id) | (predicted == class_id))[known].sum()
        assert report.iou[name] == pytest.approx(both / either)
    assert report.pixel_accuracy == pytest.approx((truth == predicted)[known].mean())


def test_a_report_survives_json(dataset: SegmentationDataset) -> None:
    report = evaluate(by_brightness, dataset)

    assert EvaluationReport.model_validate_json(report.model_dump_json()) == report


def test_a_model_predicts_as_torch_does_by_itself(dataset: SegmentationDataset) -> None:
    model = randomised(narrow())
    spec = InputSpec(height=64, width=64, mean=model.architecture.mean, std=model.architecture.std)
    rgb, _ = dataset.load(0)

    labels = ModelPredictor(model, spec, CPU)(np.ascontiguousarray(rgb[..., ::-1]))

    pixels = torch.from_numpy(rgb).permute(2, 0, 1)[None].float()
    with torch.no_grad():
        logits = model(model.normalise(pixels))
    full = functional.interpolate(logits, (64, 64), mode="bilinear", align_corners=False)
    assert len(np.unique(labels)) > 1
    # Rounding may decide where two classes are equal to the last bit.
    assert np.mean(labels == full.argmax(1)[0].numpy()) > 0.999


def test_a_model_answers_in_the_images_own_size(dataset: SegmentationDataset) -> None:
    model = randomised(narrow())
    spec = InputSpec(height=64, width=96, mean=(0, 0, 0), std=(1, 1, 1))
    predict = ModelPredictor(model, spec, CPU)

    for height, width in ((50, 70), (64, 96), (200, 64)):
        assert predict(np.zeros((height, width, 3), np.uint8)).shape == (height, width)


def test_agreement_is_the_share_of_equal_pixels(dataset: SegmentationDataset) -> None:
    def half_different(bgr: np.ndarray) -> np.ndarray:
        labels = by_brightness(bgr)
        labels[:32] = 2
        return labels

    assert agreement(by_brightness, by_brightness, dataset) == 1
    assert agreement(by_brightness, half_different, dataset) == 0.5
