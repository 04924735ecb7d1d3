from __future__ import annotations

import json
from pathlib import Path
from typing import Dict, List

import pytest
import torch

from runtime.builder.card import card_of
from runtime.builder.checkpoint import load_checkpoint, save_checkpoint
from runtime.builder.commands.train import TrainOptions, run_train
from runtime.builder.lottery.rewind import moment_from_file
from runtime.builder.lottery.ticket_files import ticket_beside
from runtime.builder.pruning.plan import plan_from_file
from runtime.builder.pruning.weight_masks import WeightMasks
from runtime.builder.training.plan import TrainingPlan
from runtime.cli.main import main
from tests.builder.networks import narrow, randomised, textured_images
from tests.builder.pruning.family import on_disk
from tests.builder.scenes import write_dataset
from tests.builder.tiny_training import network, settings

HALF = ["--blocks", "1,2", "--ratio", "0.5", "--align", "1", "--size", "128x128"]


def names(folder: Path) -> List[str]:
    return sorted(path.name for path in folder.iterdir())


@pytest.fixture
def source(tmp_path: Path) -> Path:
    on_disk(tmp_path / "full.pt")
    return tmp_path / "full.pt"


class TestStructured:
    def test_writes_a_checkpoint_and_its_plan(
        self, source: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        out = source.with_name("pruned.pt")
        assert main(["prune", str(source), "--out", str(out), *HALF]) == 0
        pruned, plan = load_checkpoint(out), plan_from_file(source.with_name("pruned.plan.json"))
        assert pruned.architecture == plan.after
        assert pruned.architecture.widths.stages == (4, 5, 12, 14)
        assert plan.checkpoint_sha256 == load_checkpoint(source).sha256
        assert names(source.parent) == ["full.pt", "pruned.plan.json", "pruned.pt"]
        said = capsys.readouterr().out
        parameters = sum(each.numel() for each in pruned.model.parameters())
        assert f"-> {parameters:,}\n" in said
        assert "stage1 " in said
        assert "stage3 " not in said
        assert str(out) in said

    def test_a_plan_alone_can_be_applied_later(self, source: Path) -> None:
        plan, late, once = (source.with_name(name) for name in ("p.json", "late.pt", "once.pt"))
        asked = [*HALF, "--importance", "random", "--seed", "3", "--rounds", "2"]
        assert main(["prune", str(source), "--out", str(plan), "--plan-only", *asked]) == 0
        assert names(source.parent) == ["full.pt", "p.json"]
        assert main(["prune", str(source), "--out", str(late), "--plan", str(plan)]) == 0
        assert main(["prune", str(source), "--out", str(once), *asked]) == 0
        one, other = (
            load_checkpoint(late).model.state_dict(),
            load_checkpoint(once).model.state_dict(),
        )
        assert all(torch.equal(one[name], other[name]) for name in other)
        assert plan.read_bytes() == source.with_name("once.plan.json").read_bytes()

    def test_ratios_of_single_groups(self, source: Path) -> None:
        out = source.with_name("pruned.pt")
        single = ["--ratio-of", "stage1.block0=0.75", "--ratio-of", "decoder=0.5"]
        assert main(["prune", str(source), "--out", str(out), "--align", "1", *single]) == 0
        architecture = load_checkpoint(out).architecture
        assert (architecture.widths.inner[0], architecture.features) == ((2, 8), 6)

    def test_recalibrates(self, source: Path) -> None:
        textured_images(source.parent / "pictures", 3)
        plain, measured = source.with_name("plain.pt"), source.with_name("measured.pt")
        images = ["--recalibrate", str(source.parent / "pictures")]
        assert main(["prune", str(source), "--out", str(plain), *HALF]) == 0
        assert main(["prune", str(source), "--out", str(measured), *HALF, *images]) == 0
        one = load_checkpoint(plain).model.state_dict()
        other = load_checkpoint(measured).model.state_dict()
        changed = {
            name.rpartition(".")[2] for name in one if not torch.equal(one[name], other[name])
        }
        assert changed == {"running_mean", "running_var", "num_batches_tracked"}

    def test_forgets_measures_that_no_longer_hold(self, tmp_path: Path) -> None:
        """A card must stay a card, or no engine could be built from the pruned network."""
        plan = TrainingPlan(
            dataset=write_dataset(tmp_path / "scenes", train=6, val=0),
            hold_out="odd_*",
            init=tmp_path / "start.pt",
            settings=settings(epochs=1, batch=2),
        )
        save_checkpoint(tmp_path / "start.pt", network(), {})
        trained = run_train(plan, tmp_path / "trained", TrainOptions(device="cpu"))
        assert card_of(load_checkpoint(trained)).held_out is not None
        out = tmp_path / "pruned.pt"
        assert main(["prune", str(trained), "--out", str(out), *HALF]) == 0
        card = card_of(load_checkpoint(out))
        assert card.held_out is None
        assert card.pruning is not None
        assert card.pruning["checkpoint_sha256"] == load_checkpoint(trained).sha256

    def test_leaves_no_file_of_an_earlier_call_beside_the_new_one(self, source: Path) -> None:
        out = source.with_name("pruned.pt")
        assert main(["prune", str(source), "--out", str(out), "--unstructured", "layer"]) == 0
        assert main(["prune", str(source), "--out", str(out), *HALF, "--then", "ft"]) == 0
        assert names(source.parent) == [
            "full.pt",
            "pruned.plan.json",
            "pruned.pt",
            "pruned.ticket.pt",
        ]


class TestUnstructured:
    def test_writes_masks(self, source: Path, capsys: pytest.CaptureFixture[str]) -> None:
        out = source.with_name("sparse.pt")
        asked = ["--unstructured", "global", "--ratio", "0.4"]
        assert main(["prune", str(source), "--out", str(out), *asked]) == 0
        masks = WeightMasks.from_file(source.with_name("sparse.masks.npz"))
        assert masks.left / masks.weights == pytest.approx(0.6, abs=1e-3)
        assert load_checkpoint(out).architecture == load_checkpoint(source).architecture
        assert "no multiply-add is saved" in capsys.readouterr().out


class TestTickets:
    @pytest.mark.long
    def test_a_ticket_is_trained_from_where_it_begins(self, tmp_path: Path) -> None:
        """The whole way: train and keep a step, prune and rewind, train the ticket."""
        save_checkpoint(tmp_path / "start.pt", network(), {"classes": {"names": CLASSES}})
        plan = TrainingPlan(
            dataset=write_dataset(tmp_path / "scenes", val=0),
            init=tmp_path / "start.pt",
            settings=settings(epochs=2),
        )
        options = TrainOptions(device="cpu", keep_step=1)
        trained = run_train(plan, tmp_path / "full", options)
        kept = tmp_path / "full" / "step-1.pt"
        assert moment_from_file(kept).step == 1
        out = tmp_path / "lth.pt"
        then = ["--then", "lth", "--rewind", str(kept)]
        assert main(["prune", str(trained), "--out", str(out), *HALF, *then]) == 0
        ticket = ticket_beside(out)
        assert ticket is not None
        ticket_plan = plan.model_copy(update={"init": out})
        result = run_train(ticket_plan, tmp_path / "ticket", TrainOptions(device="cpu"))
        card = card_of(load_checkpoint(result))
        assert card.pruning == ticket.record.model_dump()
        log = (tmp_path / "ticket" / "log.jsonl").read_text(encoding="utf-8").splitlines()
        assert [json.loads(line)["step"] for line in log] == [4]
        assert load_checkpoint(result).architecture.widths.stages == (4, 4, 8, 8)

    def test_fine_tuning_is_slower(self, tmp_path: Path) -> None:
        save_checkpoint(tmp_path / "full.pt", network(), {"classes": {"names": CLASSES}})
        out = tmp_path / "ft.pt"
        assert (
            main(["prune", str(tmp_path / "full.pt"), "--out", str(out), *HALF, "--then", "ft"])
            == 0
        )
        plan = TrainingPlan(
            dataset=write_dataset(tmp_path / "scenes", train=4, val=0),
            init=out,
            settings=settings(epochs=1),
        )
        result = run_train(plan, tmp_path / "tuned", TrainOptions(device="cpu"))
        said = card_of(load_checkpoint(result)).plan["settings"]
        assert said["learning_rate"] == pytest.approx(plan.settings.learning_rate / 10)

    def test_a_recalibrated_ticket_is_one_piece(self, source: Path) -> None:
        textured_images(source.parent / "pictures", 2)
        out = source.with_name("ft.pt")
        more = ["--then", "ft", "--recalibrate", str(source.parent / "pictures")]
        assert main(["prune", str(source), "--out", str(out), *HALF, *more]) == 0
        ticket, state = ticket_beside(out), load_checkpoint(out).model.state_dict()
        assert ticket is not None
        assert all(torch.equal(value, state[name]) for name, value in ticket.moment.weights.items())


CLASSES = ["sky", "road", "block"]
MISTAKES: Dict[str, List[str]] = {
    "there is no block '5'": ["--blocks", "5"],
    "the share to remove is 1.5": ["--blocks", "1", "--ratio", "1.5"],
    "the share to remove is 1": ["--blocks", "1", "--ratio", "1"],
    "no block is chosen": ["--ratio", "0.5"],
    "the network has no group 'stage9'": ["--ratio-of", "stage9=0.5"],
    "--ratio-of is 'stage1'": ["--ratio-of", "stage1"],
    "--size is '1024'": ["--blocks", "1", "--size", "1024"],
    "removes no channel": ["--blocks", "1"],
    "there is no folder": [*HALF, "--recalibrate", "absent"],
    "the arm lth goes back to early weights": [*HALF, "--then", "lth"],
    "--rewind is of no use to the arm ft": [*HALF, "--then", "ft", "--rewind", "full.pt"],
    "--rewind is of no use without an arm": [*HALF, "--rewind", "full.pt"],
    "there is no file absent.pt": [*HALF, "--then", "lth", "--rewind", "absent.pt"],
    "Leave out --align, --blocks": ["--plan", "p.json", "--blocks", "1", "--align", "8"],
    "p.json is not a pruning plan": ["--plan", "p.json"],
    "--unstructured knows no groups": ["--unstructured", "layer", "--blocks", "1"],
    "--plan and --unstructured exclude": ["--unstructured", "layer", "--plan", "p.json"],
    "masks instead of a plan": ["--unstructured", "layer", "--plan-only"],
    "a plan alone is neither": [*HALF, "--plan-only", "--then", "ft"],
    "the arm ri brings statistics": [*HALF, "--then", "ri", "--recalibrate", "."],
}


@pytest.mark.parametrize("complaint", MISTAKES)
def test_a_mistake_is_one_sentence_and_nothing_is_written(
    source: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    complaint: str,
) -> None:
    monkeypatch.chdir(source.parent)
    assert main(["prune", "full.pt", "--out", "out.pt", *MISTAKES[complaint]]) == 2
    said = capsys.readouterr().err
    assert complaint in said
    assert said.count("\n") == 1
    assert names(source.parent) == ["full.pt"]


def test_a_plan_of_another_checkpoint_is_refused(
    source: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    plan, other = source.with_name("p.json"), source.with_name("other.pt")
    on_disk(other, seed=4)
    assert main(["prune", str(source), "--out", str(plan), "--plan-only", *HALF]) == 0
    before = names(source.parent)
    out = str(source.with_name("out.pt"))
    assert main(["prune", str(other), "--out", out, "--plan", str(plan)]) == 2
    assert "cannot prune the checkpoint" in capsys.readouterr().err
    assert names(source.parent) == before


def test_a_checkpoint_of_another_geometry_is_refused(
    source: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Also where the hash was edited to fit."""
    plan, other = source.with_name("p.json"), source.with_name("other.pt")
    sha256 = save_checkpoint(other, randomised(narrow("resnet34")), {})
    assert main(["prune", str(source), "--out", str(plan), "--plan-only", *HALF]) == 0
    edited = json.loads(plan.read_text(encoding="utf-8"))
    plan.write_text(json.dumps({**edited, "checkpoint_sha256": sha256}), encoding="utf-8")
    out = str(source.with_name("out.pt"))
    assert main(["prune", str(other), "--out", out, "--plan", str(plan)]) == 2
    assert "encoder resnet18, and this one has resnet34" in capsys.readouterr().err


def test_the_checkpoint_is_never_overwritten(
    source: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = source.read_bytes()
    assert main(["prune", str(source), "--out", str(source), *HALF]) == 2
    assert "is the checkpoint itself" in capsys.readouterr().err
    assert source.read_bytes() == before
