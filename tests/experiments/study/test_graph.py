from __future__ import annotations

from pathlib import Path
from typing import Set

import pytest

from runtime.errors import InvalidConfig
from runtime.experiments.study import step as step_module
from runtime.experiments.study.graph import graph_of
from runtime.experiments.study.store import StepStore
from tests.experiments.study.tiny_study import changed, prepared, write_study

SECOND = """
[[prunings]]
name = "third"
blocks = ["3"]
alignment = 1

[calibration]"""


def test_the_first_arm_of_all_prunings_is_trained_before_the_next_arm(tmp_path: Path) -> None:
    recipe = changed(write_study(tmp_path, ("lth", "ft")), "[calibration]", SECOND)
    graph = graph_of(prepared(recipe))
    assert [name for name in graph.steps if name.startswith("train-")] == [
        "train-full-seed-1",
        "train-half-lth-seed-1",
        "train-third-lth-seed-1",
        "train-half-ft-seed-1",
        "train-third-ft-seed-1",
    ]
    assert [row.name for row in graph.rows] == [
        "full/seed-1",
        "half/lth/seed-1",
        "half/ft/seed-1",
        "third/lth/seed-1",
        "third/ft/seed-1",
    ]


def test_every_step_comes_after_those_it_needs(tmp_path: Path) -> None:
    recipe = changed(
        write_study(tmp_path, ("lth", "none")), "[calibration]", "[speed]\n[calibration]"
    )
    graph = graph_of(prepared(recipe))
    seen: Set[str] = set()
    for step in graph.steps.values():
        assert set(step.after) <= seen
        seen.add(step.name)
    assert graph.speed == list(graph.steps)[-1]
    assert "train-half-none-seed-1" not in graph.steps


def test_each_seed_has_trainings_of_its_own(tmp_path: Path) -> None:
    graph = graph_of(prepared(changed(write_study(tmp_path), "seeds = [1]", "seeds = [1, 2]")))
    seeds = [
        graph.steps[f"train-full-seed-{n}"].parameters["plan"]["settings"]["seed"] for n in (1, 2)
    ]
    assert seeds == [1, 2]
    assert graph.steps["plan-half-seed-2"].after == ("train-full-seed-2",)


def test_rows_that_would_share_a_name_are_refused(tmp_path: Path) -> None:
    clash = 'plan = "training.toml"\n[[models]]\nname = "full-half"\nplan = "training.toml"'
    recipe = changed(write_study(tmp_path), 'plan = "training.toml"', clash)
    text = '[[prunings]]\nname = "half-half"\nblocks = ["3"]\n[calibration]'
    with pytest.raises(InvalidConfig, match="would be called"):
        graph_of(prepared(changed(recipe, "[calibration]", text)))


def test_a_new_kind_of_step_makes_no_other_kind_stale(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = write_study(tmp_path)
    study = prepared(recipe)
    graph = graph_of(study)
    store = StepStore(tmp_path / "out", graph.steps)
    training = graph.steps["train-full-seed-1"]
    before = store.key(training)
    monkeypatch.setitem(step_module.REVISIONS, "judge", 2)
    changed(recipe, '["fp32", "int8"]', '["fp32"]')
    again = graph_of(prepared(recipe, save_every=1)).steps
    assert store.key(again["train-full-seed-1"]) == before
    monkeypatch.setitem(step_module.REVISIONS, "train", 2)
    assert store.key(training) != before


def test_a_setting_that_is_added_later_makes_nothing_stale(tmp_path: Path) -> None:
    steps = graph_of(prepared(write_study(tmp_path))).steps
    request = steps["plan-half-seed-1"].parameters["request"]
    # Of the request, what is not as it is by default: all others are as if they did not exist.
    assert request == {"blocks": ["1", "2", "3", "4"], "seed": 1, "alignment": 1}
    plan = steps["train-full-seed-1"].parameters["plan"]
    assert "weight_decay" not in plan["settings"]
    assert plan["settings"]["ema"] == 0.8
