from __future__ import annotations

from pathlib import Path
from typing import Dict, List

import numpy as np
import pytest

from runtime.builder.data.layouts import open_dataset
from runtime.experiments.study import evaluate_step
from runtime.experiments.study.recipe import JudgedChoice
from runtime.experiments.study.step import Job
from runtime.image.frame import Frame
from runtime.inference.backends.fake import FakeEngine
from runtime.inference.engine import Labelled, SegmentOptions
from runtime.repository.manifest import ClassesSpec, EngineManifest, manifest_text
from tests.builder.scenes import IGNORE_ID, write_dataset
from tests.engines import fake_build, small_manifest

ROAD = 1


class RoadPipeline:
    """A device that sees nothing but road."""

    def label(self, frame: Frame, wanted: SegmentOptions) -> Labelled:
        return Labelled(
            labels=np.full((frame.height, frame.width), ROAD, np.uint8),
            image=None,
            overlay=None,
            timings={},
        )


class DeviceEngine(FakeEngine):
    """An engine that serves through its own pipeline; its slots would see every class."""

    def __init__(self, manifest: EngineManifest) -> None:
        super().__init__(manifest)
        self.pipelines: List[RoadPipeline] = [RoadPipeline()]


@pytest.fixture
def job(tmp_path: Path) -> Job:
    """To judge one build on the validation images of a small dataset."""
    data = write_dataset(tmp_path / "scenes")
    classes = ClassesSpec.of(open_dataset(data).classes)
    manifest = small_manifest().model_copy(update={"classes": classes})
    (tmp_path / "engine").mkdir()
    (tmp_path / "engine" / "manifest.json").write_text(manifest_text(manifest), encoding="utf-8")
    judged = JudgedChoice(name="val", split="val", sentence="Never learnt from.")
    return Job(
        name="judge-val-full-seed-1",
        kind="judge",
        key="0",
        parameters={"precisions": ["fp32"]},
        inputs={"fp32": tmp_path / "engine" / fake_build().artefact},
        how={"dataset": str(data), "judged": judged.model_dump(mode="json")},
    )


def accuracy_of(job: Job) -> Dict[str, float]:
    """Intersection over union by class, as the step tells it."""
    _, result = evaluate_step.judge(job, Path())
    accuracy: Dict[str, float] = result["accuracy"]["fp32"]["iou"]
    return accuracy


def test_an_engine_is_judged_through_the_pipeline_that_it_is_served_with(
    job: Job, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(evaluate_step, "open_engine", lambda m, *_, **__: DeviceEngine(m))
    dataset = open_dataset(Path(job.how["dataset"])).of_splits("val")
    truth = np.stack([dataset.load(index)[1] for index in range(len(dataset))])
    road = float((truth == ROAD).sum() / (truth != IGNORE_ID).sum())

    accuracy = accuracy_of(job)

    assert accuracy == pytest.approx({"sky": 0, "road": road, "block": 0})


def test_an_engine_without_one_is_judged_through_a_slot(
    job: Job, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(evaluate_step, "open_engine", lambda m, *_, **__: FakeEngine(m))

    accuracy = accuracy_of(job)

    assert min(accuracy.values()) > 0.4
