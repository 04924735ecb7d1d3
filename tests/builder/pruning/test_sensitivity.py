from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import List

import pytest

from runtime.builder.checkpoint import load_checkpoint, save_checkpoint
from runtime.builder.commands.pruning_sensitivity import (
    PruningSensitivityOptions,
    run_pruning_sensitivity,
)
from runtime.builder.data.dataset import SegmentationDataset
from runtime.builder.evaluation.confusion import EvaluationReport
from runtime.builder.evaluation.evaluate import Predictor, evaluate
from runtime.builder.progress import Silence
from runtime.builder.pruning.make_plan import plan_from_checkpoint
from runtime.builder.pruning.request import PruningRequest
from runtime.builder.pruning.sensitivity import (
    SENSITIVITY_NAME,
    SensitivityStudy,
    sensitivity_from_file,
)
from runtime.cli.main import main
from runtime.errors import InvalidInput
from tests.builder.scenes import write_dataset
from tests.builder.tiny_training import trained_checkpoint


class Killed(Exception):
    pass


@pytest.fixture
def dataset(tmp_path: Path) -> Path:
    return write_dataset(tmp_path / "scenes", train=4, val=2)


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    return trained_checkpoint(tmp_path / "net.pt")


@pytest.fixture
def request_(checkpoint: Path, dataset: Path, tmp_path: Path) -> PruningSensitivityOptions:
    return PruningSensitivityOptions(
        checkpoint,
        dataset,
        tmp_path / "out",
        groups=("stage1", "stage3.block0"),
        ratios=(0.25, 0.5),
        recalibrate_on=4,
        device="cpu",
    )


def test_cuts_each_group_alone(request_: PruningSensitivityOptions) -> None:
    found = run_pruning_sensitivity(request_, Silence())
    assert {name: sorted(points) for name, points in found.points.items()} == {
        "stage1": ["0.25", "0.5"],
        "stage3.block0": ["0.25", "0.5"],
    }
    whole = load_checkpoint(request_.checkpoint)
    alone = PruningRequest(ratios={"stage1": 0.5}, alignment=1)
    after = plan_from_checkpoint(whole, alone).after
    assert after.widths.stages == (4, 8, 8, 8)
    assert found.points["stage1"]["0.5"].kept == 4
    assert found.points["stage1"]["0.5"].macs < found.points["stage1"]["0.25"].macs
    assert (found.images, found.recalibrated_on) == (2, 4)
    assert 0 <= found.whole_miou <= 1


@pytest.mark.long
def test_writes_a_table_and_a_plot(request_: PruningSensitivityOptions) -> None:
    found = run_pruning_sensitivity(request_, Silence())
    table = (request_.out / "pruning-sensitivity.csv").read_text(encoding="utf-8")
    rows = list(csv.DictReader(table.splitlines()))
    assert [(row["group"], row["ratio"], row["kept"]) for row in rows[:2]] == [
        ("stage1", "0.25", "6"),
        ("stage1", "0.5", "4"),
    ]
    lost = 100 * (found.whole_miou - found.points["stage1"]["0.25"].miou)
    assert float(rows[0]["points_lost"]) == pytest.approx(lost, abs=1e-3)
    assert (request_.out / "pruning-sensitivity.png").read_bytes()[:4] == b"\x89PNG"


@pytest.mark.long
def test_goes_on_where_a_killed_one_stopped(
    request_: PruningSensitivityOptions, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = run_pruning_sensitivity(request_, Silence())
    (request_.out / SENSITIVITY_NAME).unlink()
    judged: List[int] = []

    def dying(predict: Predictor, images: SegmentationDataset) -> EvaluationReport:
        if len(judged) == 4:
            raise Killed
        judged.append(1)
        return evaluate(predict, images)

    monkeypatch.setattr(f"{SensitivityStudy.__module__}.evaluate", dying)
    with pytest.raises(Killed):
        run_pruning_sensitivity(request_, Silence())
    # Twice the whole network, and both ratios of the first group.
    kept = sensitivity_from_file(request_.out / SENSITIVITY_NAME)
    assert kept is not None
    assert kept.points == {"stage1": whole.points["stage1"]}

    judged.clear()
    again = run_pruning_sensitivity(request_, Silence())
    assert len(judged) == 2
    assert again == whole
    judged.clear()
    assert run_pruning_sensitivity(request_, Silence()) == whole
    assert not judged


def test_does_not_mix_checkpoints(request_: PruningSensitivityOptions) -> None:
    run_pruning_sensitivity(request_, Silence())
    before = (request_.out / SENSITIVITY_NAME).read_bytes()
    read = load_checkpoint(request_.checkpoint)
    save_checkpoint(request_.checkpoint, read.model, {**read.metadata, "pictures": 2})
    with pytest.raises(InvalidInput, match="was measured on another checkpoint"):
        run_pruning_sensitivity(request_, Silence())
    assert (request_.out / SENSITIVITY_NAME).read_bytes() == before


def test_refuses_what_is_no_report(request_: PruningSensitivityOptions) -> None:
    request_.out.mkdir()
    (request_.out / SENSITIVITY_NAME).write_text(json.dumps({"key": 1}))
    with pytest.raises(InvalidInput, match="is no pruning sensitivity"):
        run_pruning_sensitivity(request_, Silence())


class TestCommand:
    def test_shows_the_points_lost(
        self, checkpoint: Path, dataset: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        out = checkpoint.with_name("out")
        given = ["--data", str(dataset), "--out", str(out), "--groups", "decoder"]
        few = ["--ratios", "0.5", "--pictures", "1", "--recalibrate-on", "2"]
        assert main(["sensitivity", str(checkpoint), *given, *few]) == 0
        shown = capsys.readouterr().out
        assert "decoder" in shown
        assert "1 images" in shown

    @pytest.mark.parametrize(
        ("given", "complaint"),
        [
            (["--groups", "stage9"], "no group 'stage9'"),
            (["--blocks", "7"], "no block '7'"),
            (["--ratios", "1.5"], "the ratio is 1.5"),
            (["--ratios", "0.01"], "removes no channel"),
            (["--split", "test"], "no split 'test'"),
            (["--split", "train"], "would be judged on and measured batch norms on"),
            (["--recalibrate", "nowhere"], "no folder nowhere"),
            (["--calib", "nowhere"], "--calib is of no use to pruning"),
        ],
    )
    def test_says_what_cannot_be(
        self,
        checkpoint: Path,
        dataset: Path,
        given: List[str],
        complaint: str,
        capsys: pytest.CaptureFixture[str],
    ) -> None:
        out = str(checkpoint.with_name("out"))
        assert main(["sensitivity", str(checkpoint), "--data", str(dataset), "--out", out, *given])
        assert complaint in capsys.readouterr().err
