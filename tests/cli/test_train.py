from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Dict

import pytest

from runtime.cli import main, train

pytest.importorskip("torch")

from runtime.builder.checkpoint import load_checkpoint, save_checkpoint
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


def test_every_flag_is_a_field_of_the_plan() -> None:
    from runtime.builder.training_plan import TrainingPlan, plan_from_file

    values: Dict[str, Any] = {"size": (64, 96), "crop": (64, 64), "levels": 2, "stride": 8}
    values.update(dataset="scenes", split=["a"], validate_on=["b"], geometry="stretch")
    values.update(encoder="resnet34", variant="pyramid", epochs=3, batch=2, learning_rate=1e-3)
    values.update(encoder_rate=1.0, loss="cross-entropy", ema=0.9, precision="bf16", seed=4)
    flags = {name: values[flag] for flag, name in train.FLAGS.items() if flag in values}

    plan = plan_from_file(None, flags)

    assert set(train.FLAGS) - set(values) == {"hold_out", "init", "imagenet"}
    assert isinstance(plan, TrainingPlan)
    assert plan.network is not None
    assert (plan.network.encoder, plan.network.output_stride) == ("resnet34", 8)
    assert (plan.settings.seed, plan.settings.augmentation.crop) == (4, (64, 64))


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
    assert json.loads((out / "report.json").read_text())["images"] == 4


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

    assert "'big' is not a height and a width" in capsys.readouterr().err
