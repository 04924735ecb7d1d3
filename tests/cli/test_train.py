from __future__ import annotations

import json
from argparse import ArgumentParser
from pathlib import Path

import pytest

from runtime.cli import train
from runtime.cli.main import main

pytest.importorskip("torch")

from runtime.builder.checkpoint import load_checkpoint, save_checkpoint
from runtime.builder.training.augment import Augmentation
from runtime.builder.training.plan import NetworkPlan, TrainingPlan, plan_from_file
from runtime.builder.training.schedule import TrainingSettings
from tests.builder.scenes import write_dataset
from tests.builder.tiny_training import network

PLAN = """
dataset = "scenes"
init = "start.pt"
hold_out = "odd_*"

[settings]
epochs = 9
batch = 4
learning_rate = 0.003

[settings.augmentation]
crop = [64, 64]
"""


ARGUMENTS = """
scenes --out out --split a --split b --hold-out n* --geometry stretch --size 64x96 --crop 32x48
--encoder resnet34 --variant pyramid --levels 2 --output-stride 8 --epochs 3 --batch 2
--learning-rate 1e-3 --encoder-rate 1 --warmup-steps 7 --weight-decay 0.01 --loss cross-entropy
--rarity 0.5 --ema 0.9 --precision bf16 --seed 4
"""


def test_flags_make_a_plan() -> None:
    parser = ArgumentParser()
    train.add_arguments(parser)

    plan = plan_from_file(None, train._given(parser.parse_args(ARGUMENTS.split())))

    assert plan == TrainingPlan(
        dataset=Path("scenes"),
        splits=("a", "b"),
        hold_out="n*",
        geometry="stretch",
        size=(64, 96),
        network=NetworkPlan(encoder="resnet34", levels=2, output_stride=8),
        settings=TrainingSettings(
            epochs=3,
            batch=2,
            learning_rate=1e-3,
            encoder_rate=1.0,
            warmup_steps=7,
            weight_decay=0.01,
            loss="cross-entropy",
            rarity=0.5,
            ema=0.9,
            precision="bf16",
            seed=4,
            augmentation=Augmentation(crop=(32, 48)),
        ),
    )


def test_a_plan_in_a_file_is_run_and_flags_win_over_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_dataset(tmp_path / "scenes", train=8, val=0)
    save_checkpoint(tmp_path / "start.pt", network(), {})
    (tmp_path / "plan.toml").write_text(PLAN, encoding="utf-8")
    out = tmp_path / "out"

    plan = ["--plan", str(tmp_path / "plan.toml"), "--epochs", "1", "--device", "cpu"]
    code = main(["train", "--out", str(out), *plan])

    assert code == 0
    assert capsys.readouterr().out == f"{out / 'checkpoint.pt'}\n"
    card = load_checkpoint(out / "checkpoint.pt").metadata
    assert card["plan"]["settings"]["epochs"] == 1
    assert card["pictures"] == 4
    assert json.loads((out / "report.json").read_text(encoding="utf-8"))["images"] == 4


@pytest.mark.parametrize(
    ("plan", "said"),
    [
        ("dataset = [", "is not TOML"),
        ('dataset = "x"\nepochs = 3', "epochs"),
        ('dataset = "x"\nsettings.epochs = 0', "settings.epochs"),
    ],
)
def test_a_wrong_plan_is_named_with_its_key(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], plan: str, said: str
) -> None:
    (tmp_path / "plan.toml").write_text(plan, encoding="utf-8")

    code = main(["train", "--out", str(tmp_path), "--plan", str(tmp_path / "plan.toml")])

    error = capsys.readouterr().err
    assert code == 2
    assert "plan.toml" in error
    assert said in error


def test_a_missing_plan_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code = main(["train", "--out", str(tmp_path), "--plan", str(tmp_path / "none.toml")])

    assert code == 2
    assert "no plan can be read" in capsys.readouterr().err


def test_a_size_is_height_by_width(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["train", "scenes", "--out", "out", "--size", "big"])

    assert "'big' is no size" in capsys.readouterr().err
