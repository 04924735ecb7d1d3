from __future__ import annotations

from pathlib import Path

import pytest

from runtime.builder.card import TrainingCard, card_of
from runtime.builder.checkpoint import load_checkpoint, save_checkpoint
from runtime.builder.training.plan import plan_from_file
from runtime.errors import InvalidInput
from runtime.repository.manifest import ClassesSpec
from tests.builder.scenes import NAMES, PALETTE
from tests.builder.tiny_training import SPEC, network

ENGINES = Path(__file__).resolve().parents[2] / "engines"


def test_a_card_survives_its_checkpoint(tmp_path: Path) -> None:
    card = TrainingCard(
        dataset="scenes",
        pictures=7,
        classes=ClassesSpec(names=list(NAMES), palette=list(PALETTE)),
        input=SPEC,
        plan={"settings": {"epochs": 3}},
    )
    save_checkpoint(tmp_path / "net.pt", network(), card.model_dump(mode="json"))

    assert card_of(load_checkpoint(tmp_path / "net.pt")) == card


def test_a_checkpoint_without_a_card_says_what_is_missing(tmp_path: Path) -> None:
    save_checkpoint(tmp_path / "net.pt", network(), {"classes": {"names": list(NAMES)}})

    with pytest.raises(InvalidInput, match=r"dataset|classes\.palette"):
        card_of(load_checkpoint(tmp_path / "net.pt"))


@pytest.mark.parametrize("stage", [1, 2])
def test_the_demo_models_plans_can_be_run_again(stage: int) -> None:
    folder = ENGINES / "camvid-demo"
    plan = plan_from_file(folder / f"training-stage{stage}.toml", {})

    assert plan.splits == ("train", "val")
    assert plan.size == (360, 480)
    assert (plan.init is None) is (plan.hold_out is not None) is (stage == 1)
