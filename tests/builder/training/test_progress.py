from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any, Dict, List

import pytest
import torch

from runtime.builder.evaluation.confusion import EvaluationReport
from runtime.builder.swiftnet import SwiftNet
from runtime.builder.training.loop import Step
from runtime.builder.training.progress import ScalarLog, TensorBoardScalars, TrainingProgress
from runtime.errors import BuildFailed
from tests.builder.networks import narrow, randomised


@pytest.fixture(scope="module")
def model() -> SwiftNet:
    return randomised(narrow())


def lines(path: Path) -> List[Dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def measured(_: SwiftNet) -> EvaluationReport:
    return EvaluationReport(
        dataset="scenes",
        splits=("val",),
        images=1,
        miou=0.5,
        pixel_accuracy=0.75,
        iou={"sky": 0.5, "road": None},
        confusion=((3, 1), (0, 0)),
    )


def steps(model: SwiftNet, first: int, last: int, of: int = 60) -> List[Step]:
    return [
        Step(number, of, per_epoch=10, loss=torch.tensor(1.0), learning_rate=1e-3, model=model)
        for number in range(first, last + 1)
    ]


def test_a_training_is_told_in_lines_of_json(tmp_path: Path, model: SwiftNet) -> None:
    with TrainingProgress(tmp_path, measured, measure_every=3) as narrator:
        for step in steps(model, 1, 60):
            narrator(step)
        narrator.measure(60, model)

    told = lines(tmp_path / "log.jsonl")
    assert [line["step"] for line in told if "loss" in line] == [20, 40, 60]
    assert [line["step"] for line in told if "miou" in line] == [30, 60]
    assert told[0] == {"step": 20, "loss": 1.0, "learning_rate": 1e-3}
    assert told[-1]["iou"] == {"sky": 0.5, "road": None}


def test_without_held_out_samples_nothing_is_measured(tmp_path: Path, model: SwiftNet) -> None:
    with TrainingProgress(tmp_path, None) as narrator:
        for step in steps(model, 1, 60):
            narrator(step)
        assert narrator.measure(60, model) is None

    assert not any("miou" in line for line in lines(tmp_path / "log.jsonl"))


def test_a_resumed_log_has_every_step_once(tmp_path: Path) -> None:
    killed = ScalarLog(tmp_path / "log.jsonl")
    for step in (20, 40, 60):
        killed.write(step, {"loss": 1.0})
    with (tmp_path / "log.jsonl").open("a") as file:
        file.write('{"step": 80, "lo')

    resumed = ScalarLog(tmp_path / "log.jsonl")
    for step in (40, 60, 80):
        resumed.write(step, {"loss": 2.0})

    told = [(line["step"], line["loss"]) for line in lines(tmp_path / "log.jsonl")]
    assert told == [(20, 1.0), (40, 2.0), (60, 2.0), (80, 2.0)]


def test_tensorboard_gets_the_same_numbers(tmp_path: Path) -> None:
    events = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    scalars = TensorBoardScalars(tmp_path)
    scalars.write(20, {"loss": 1.5, "iou": {"sky": 0.25, "road": None}})
    scalars.close()

    written = events.EventAccumulator(str(tmp_path)).Reload()
    assert written.Tags()["scalars"] == ["loss", "iou/sky"]
    assert [(e.step, e.value) for e in written.Scalars("iou/sky")] == [(20, 0.25)]


def test_tensorboard_is_missed_before_the_training_starts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # None in sys.modules is how Python itself marks a module that cannot be imported.
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)

    with pytest.raises(BuildFailed, match=r"tensorboard is not installed.*--tensorboard"):
        TrainingProgress(tmp_path, None, tensorboard=True)
