from __future__ import annotations

from pathlib import Path
from typing import List

from runtime.builder.pruning.pruned_architecture import architecture_after
from runtime.experiments.profile.profile import LayerTimes
from runtime.experiments.profile.runner import (
    WARM_UP_PASSES,
    Model,
    name_of,
    narrowed_blocks,
    numbered,
    profile_models,
)
from tests.awkward_names import NOT_UTF8
from tests.builder.networks import narrow

WHOLE = narrow()
HALF = architecture_after(WHOLE, {"stage2.block0": 4, "stage3": 6})


class Diary:
    """A network whose passes take a millisecond more each time; writes down when it ran."""

    backend = "diary"

    def __init__(self, name: str, entries: List[str]) -> None:
        self.name, self.entries = name, entries
        self.passes = 0

    def forward(self) -> float:
        self.passes += 1
        self.entries.append(self.name)
        return float(self.passes)

    def layers(self) -> LayerTimes:
        return {"logits.conv": float(self.passes)}


def test_models_run_in_turns_and_the_first_passes_do_not_count() -> None:
    entries: List[str] = []
    whole, half = Diary("whole", entries), Diary("half", entries)
    profiles = profile_models([(Model("whole", WHOLE), whole), (Model("half", HALF), half)], 3)
    assert entries == ["whole", "half"] * (WARM_UP_PASSES + 3)
    for profile in profiles:
        assert profile.forward.count == 3
        assert profile.forward.mean == WARM_UP_PASSES + 2
        assert profile.layers.mean == WARM_UP_PASSES + 2
    assert [profile.narrowed for profile in profiles] == [
        frozenset(),
        frozenset({"block 2", "block 3"}),
    ]


def test_only_networks_of_one_encoder_are_compared_block_by_block() -> None:
    assert narrowed_blocks(HALF, WHOLE) == {"block 2", "block 3"}
    assert narrowed_blocks(WHOLE, HALF) == frozenset()
    assert narrowed_blocks(narrow("resnet34"), WHOLE) == frozenset()


def test_names_are_short_and_all_different() -> None:
    assert name_of(Path("runs/mine/checkpoint.pt")) == "mine"
    assert name_of(Path("runs/half.pt")) == "half"
    assert name_of(Path(f"runs/{NOT_UTF8}.pt")) == "caf\\udce9"
    assert name_of(Path("engines/folder"), "demo") == "demo"
    assert numbered(["a", "b", "a", "a"]) == ["a", "b", "a (2)", "a (3)"]
