from __future__ import annotations

from pathlib import Path
from typing import Dict, List, Optional

import numpy as np
import pytest

from runtime.builder.data.dataset import SegmentationDataset
from runtime.builder.data.layouts import open_dataset
from runtime.builder.engine.accuracy import lowest_agreement, measure_builds, require_accuracy
from runtime.builder.engine.recipe import Gate
from runtime.errors import BuildFailed
from runtime.inference.segmenter import Segmenter
from runtime.repository.manifest import ClassesSpec, Evidence, InputSpec, OutputSpec, Precision
from tests.builder.networks import textured_dataset
from tests.engines import small_manifest

HEIGHT, WIDTH = 64, 96


class BrightnessSlot:
    """A perfect network for the brightness dataset, or one that is off by a level above `limit`."""

    def __init__(self, limit: int = 5) -> None:
        self.input = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
        self.output = np.zeros((HEIGHT, WIDTH, 5), np.float32)
        self._limit = limit

    def run(self) -> None:
        red = self.input[..., 2] // 52
        answer = np.where(red >= self._limit, red - 1, red)
        self.output[...] = answer[..., None] == np.arange(5)


def segmenter(slot: BrightnessSlot, images: SegmentationDataset) -> Segmenter:
    manifest = small_manifest().model_copy(
        update={
            "classes": ClassesSpec.of(images.classes),
            "input": InputSpec(height=HEIGHT, width=WIDTH, mean=(0, 0, 0), std=(1, 1, 1)),
            "output": OutputSpec(height=HEIGHT, width=WIDTH),
        }
    )
    return Segmenter(manifest, slot)


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> SegmentationDataset:
    folder: Path = textured_dataset(tmp_path_factory.mktemp("data") / "brightness")
    return open_dataset(folder).of_splits("val")


def test_the_reference_and_the_build_are_measured_on_the_same_images(
    images: SegmentationDataset,
) -> None:
    told: List[int] = []
    segmenters: Dict[Precision, Segmenter] = {
        "fp32": segmenter(BrightnessSlot(), images),
        "int8": segmenter(BrightnessSlot(limit=4), images),
    }
    found = measure_builds(segmenters, images, "val", True, lambda: told.append(1))
    assert len(told) == 2
    assert found["fp32"].miou == 1
    assert found["fp32"].agreement is None
    assert found["int8"].reference_miou == 1
    assert found["int8"].seen_in_training
    assert found["int8"].iou["white"] == 0
    truth = [images.load(index)[1] for index in range(2)]
    white = np.mean([(labels == 4).mean() for labels in truth])
    assert found["int8"].agreement == pytest.approx(1 - white)


def evidence(**iou: Optional[float]) -> Evidence:
    present = [value for value in iou.values() if value is not None]
    return Evidence(
        dataset="street",
        split="the other drive",
        seen_in_training=False,
        images=9,
        miou=float(np.mean(present)),
        iou=iou,
    )


FULL = evidence(road=0.90, car=0.60, pole=0.30, train=None)
GATE = Gate(max_drop=0.5, max_class_drop=2)


def test_a_build_that_loses_little_passes() -> None:
    slightly = evidence(road=0.899, car=0.599, pole=0.295, train=None)
    require_accuracy("int8", [slightly], [FULL], GATE)


def test_a_build_that_gains_passes() -> None:
    require_accuracy("int8", [evidence(road=0.95, car=0.7, pole=0.4, train=None)], [FULL], GATE)


def test_a_build_that_loses_too_much_names_the_classes() -> None:
    with pytest.raises(BuildFailed) as refused:
        require_accuracy(
            "int8", [evidence(road=0.90, car=0.55, pole=0.29, train=None)], [FULL], GATE
        )
    assert "int8 build loses 2.00 points of mIoU, more than 0.5" in refused.value.problem
    assert "the other drive; most on car -5.00, pole -1.00" in refused.value.problem


def test_one_class_can_fail_a_build_whose_mean_holds() -> None:
    shifted = evidence(road=0.92, car=0.61, pole=0.27, train=None)
    with pytest.raises(BuildFailed, match=r"3\.00 points of one class"):
        require_accuracy("int8", [shifted], [FULL], GATE)


def test_the_canary_asks_of_all_builds_what_the_worst_can_do(
    images: SegmentationDataset,
) -> None:
    image, truth = images.load(0)
    builds = [segmenter(BrightnessSlot(limit), images) for limit in (5, 4)]
    lowest = lowest_agreement(builds, image, truth)
    assert lowest == pytest.approx(1 - (truth == 4).mean())
