from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from runtime.builder.checkpoint import save_checkpoint
from runtime.builder.commands import evaluate
from runtime.builder.commands.evaluate import EvaluateOptions, run_evaluate
from runtime.cli.main import main
from runtime.device.machine import Machine
from runtime.errors import EngineRefused, InvalidInput
from runtime.repository.manifest import EngineManifest
from tests.builder.pipeline_engine import PipelineEngine
from tests.builder.scenes import NAMES, write_dataset
from tests.builder.tiny_training import network, trained_checkpoint
from tests.engines import HEIGHT, WIDTH, small_manifest
from tests.serving.daemons import engine_folder


@pytest.fixture
def dataset(tmp_path: Path) -> Path:
    return write_dataset(tmp_path / "scenes", train=2, val=2)


@pytest.fixture
def halves(tmp_path: Path) -> Path:
    """One image in the colours of the small engine's classes, a quarter of it mislabelled."""
    classes = small_manifest().classes
    folder = tmp_path / "halves"
    for name in ("images", "labels"):
        (folder / "val" / name).mkdir(parents=True)
    description = {"name": "halves", "classes": classes.names, "palette": classes.palette}
    (folder / "dataset.json").write_text(json.dumps(description), encoding="utf-8")
    labels = np.zeros((HEIGHT, WIDTH), np.uint8)
    labels[:, WIDTH // 2 :] = 1
    image = np.array(classes.palette, np.uint8)[labels]
    labels[: HEIGHT // 2, : WIDTH // 2] = 1
    Image.fromarray(image).save(folder / "val" / "images" / "one.png")
    Image.fromarray(labels).save(folder / "val" / "labels" / "one.png")
    return folder


def test_a_checkpoint_is_measured_on_the_chosen_images(dataset: Path, tmp_path: Path) -> None:
    checkpoint = trained_checkpoint(tmp_path / "net.pt")
    report = run_evaluate(EvaluateOptions(checkpoint, dataset, device="cpu"), None)
    one = run_evaluate(EvaluateOptions(checkpoint, dataset, only="odd_*", device="cpu"), None)

    assert (report.images, report.splits) == (2, ("val",))
    assert one.images == 1


def test_an_engine_is_measured_through_the_code_that_serves_it(
    halves: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(evaluate, "this_machine", lambda: Machine({"fake": "1"}))
    engine = engine_folder(tmp_path / "engine")

    report = run_evaluate(EvaluateOptions(engine, halves), tmp_path / "out")

    assert report.pixel_accuracy == pytest.approx(0.75, abs=0.01)
    assert report.iou["dark"] == pytest.approx(0.5, abs=0.02)
    assert (
        json.loads((tmp_path / "out" / "report.json").read_text(encoding="utf-8"))["miou"]
        == report.miou
    )
    assert (tmp_path / "out" / "confusion.png").exists()


def test_an_engine_with_pipelines_of_its_own_is_measured_through_them(
    halves: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def opened(manifest: EngineManifest, *_: object, **__: object) -> PipelineEngine:
        return PipelineEngine(manifest)

    monkeypatch.setattr(evaluate, "this_machine", lambda: Machine({"fake": "1"}))
    monkeypatch.setattr(evaluate, "open_engine", opened)

    report = run_evaluate(EvaluateOptions(engine_folder(tmp_path / "engine"), halves), None)

    # Its pipeline calls everything dark, as a quarter of the image is; its slot is right on 3/4.
    assert report.pixel_accuracy == 0.25
    assert report.iou == {"dark": 0.25, "bright": 0}


def test_an_engine_that_does_not_run_here_is_refused(halves: Path, tmp_path: Path) -> None:
    with pytest.raises(EngineRefused, match="no build"):
        run_evaluate(EvaluateOptions(engine_folder(tmp_path / "engine"), halves), None)


def test_other_classes_are_refused(dataset: Path, tmp_path: Path) -> None:
    stranger = trained_checkpoint(tmp_path / "net.pt", ("sky", "road", "house"))

    with pytest.raises(InvalidInput, match="house but 'scenes' has sky, road, block"):
        run_evaluate(EvaluateOptions(stranger, dataset), None)


def test_a_checkpoint_that_does_not_say_what_it_is_is_refused(
    dataset: Path, tmp_path: Path
) -> None:
    save_checkpoint(tmp_path / "bare.pt", network(), {})

    with pytest.raises(InvalidInput, match="does not say what it was trained for"):
        run_evaluate(EvaluateOptions(tmp_path / "bare.pt", dataset), None)


def test_the_command_prints_every_class_and_the_mean(
    dataset: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    checkpoint = trained_checkpoint(tmp_path / "net.pt")
    assert main(["evaluate", str(checkpoint), str(dataset), "--device", "cpu"]) == 0

    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == [*NAMES, "mIoU"]
    assert "2 images of scenes (val)" in lines[-1]
