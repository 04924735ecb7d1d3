from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import torch
from PIL import Image

from runtime.builder.card import card_of
from runtime.builder.checkpoint import load_checkpoint, save_checkpoint
from runtime.builder.commands.train import TrainOptions, run_train
from runtime.builder.data.layouts import open_dataset
from runtime.builder.evaluation.confusion import EvaluationReport
from runtime.builder.evaluation.evaluate import ModelPredictor, evaluate
from runtime.builder.training.plan import TrainingPlan
from runtime.errors import InvalidInput
from tests.builder.scenes import NAMES, write_dataset
from tests.builder.tiny_training import network, settings

OPTIONS = TrainOptions(device="cpu", measure_every=1)


@pytest.fixture(scope="module")
def plan(tmp_path_factory: pytest.TempPathFactory) -> TrainingPlan:
    """Goes on from a tiny checkpoint for 5 classes, so that no network of full width is trained."""
    folder = tmp_path_factory.mktemp("plan")
    save_checkpoint(folder / "start.pt", network(classes=5), {})
    return TrainingPlan(
        dataset=write_dataset(folder / "scenes", train=8, val=3),
        hold_out="odd_*",
        init=folder / "start.pt",
        settings=settings(epochs=2),
    )


@pytest.fixture(scope="module")
def trained(plan: TrainingPlan, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return run_train(plan, tmp_path_factory.mktemp("trained"), OPTIONS)


def test_the_checkpoint_says_all_that_an_engine_needs(trained: Path) -> None:
    checkpoint = load_checkpoint(trained)
    card = card_of(checkpoint)

    assert card.classes.to_classes().names == NAMES
    assert (card.input.height, card.input.width) == (64, 64)
    assert card.input.mean == checkpoint.architecture.mean
    assert card.pictures == 4
    assert card.initial_sha256 is not None


def test_the_checkpoint_is_free_of_the_machines_paths(trained: Path, plan: TrainingPlan) -> None:
    said = json.dumps(load_checkpoint(trained).metadata)

    assert str(plan.dataset.parent) not in said


def test_the_report_is_what_the_checkpoint_measures(trained: Path, plan: TrainingPlan) -> None:
    checkpoint = load_checkpoint(trained)
    card = card_of(checkpoint)
    _, held = open_dataset(plan.dataset).of_splits("train").hold_out("odd_*")

    predict = ModelPredictor(checkpoint.model, card.input, torch.device("cpu"))

    report = evaluate(predict, held)
    assert card.held_out == report
    text = (trained.parent / "report.json").read_text(encoding="utf-8")
    assert EvaluationReport.model_validate_json(text) == report
    assert (trained.parent / "confusion.png").stat().st_size > 1000


def test_a_finished_run_is_repeated_without_training(trained: Path, plan: TrainingPlan) -> None:
    before = load_checkpoint(trained)

    again = load_checkpoint(run_train(plan, trained.parent, OPTIONS))

    assert again.sha256 == before.sha256


def test_a_folder_with_another_run_is_refused(trained: Path, plan: TrainingPlan) -> None:
    other = plan.model_copy(update={"settings": settings(epochs=2, seed=9)})

    with pytest.raises(InvalidInput, match="another output folder"):
        run_train(other, trained.parent, OPTIONS)


def test_images_that_are_learnt_from_are_not_measured_on(
    plan: TrainingPlan, tmp_path: Path
) -> None:
    folder = write_dataset(tmp_path / "scenes", train=4, val=1)
    for kind in ("images", "labels"):
        shutil.copy(folder / "train" / kind / "even_000.png", folder / "val" / kind / "new.png")
    leaking = plan.model_copy(update={"dataset": folder, "hold_out": None, "validate_on": ("val",)})

    with pytest.raises(InvalidInput, match=r"held out is in train too: new\.png = even_000\.png"):
        run_train(leaking, tmp_path / "run", OPTIONS)


def test_labels_that_say_nothing_are_refused_and_a_missing_class_is_told(
    plan: TrainingPlan, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = write_dataset(tmp_path / "scenes", train=4, val=0)
    silent = plan.model_copy(update={"dataset": folder, "hold_out": None})
    for path in (folder / "train" / "labels").iterdir():
        Image.new("L", (64, 64), 255).save(path)

    with pytest.raises(InvalidInput, match="no pixel of the 4 images of train is labelled"):
        run_train(silent, tmp_path / "run", OPTIONS)

    Image.new("L", (64, 64), 1).save(folder / "train" / "labels" / "even_000.png")
    run_train(silent, tmp_path / "run", OPTIONS)
    assert "no label map of train has sky, block" in capsys.readouterr().err
