"""A whole study, done step by step in this process."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Dict, List, Tuple

import pytest

from runtime.builder.training.state import STATE_NAME
from runtime.errors import InvalidInput
from runtime.experiments.study.collect import Collector
from runtime.experiments.study.graph import graph_of
from runtime.experiments.study.results import RESULTS_NAME, StudyResults, results_from_file
from runtime.experiments.study.step_process import do_step
from runtime.experiments.study.store import JOB_NAME, RECORD_NAME, StepStore
from tests.experiments.study.tiny_study import changed, done_here, prepared, write_study

ROOT = Path(__file__).resolve().parents[3]
Done = Tuple[Path, StudyResults, Dict[str, Path], List[str]]
LTH = "train-half-lth-seed-1"
# They all look at one study, which takes most of their time.
pytestmark = pytest.mark.long


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Done:
    folder = tmp_path_factory.mktemp("study")
    recipe = changed(write_study(folder), '["fp32", "int8"]', '["fp32", "fp16", "int8"]')
    changed(recipe, "[calibration]", "[speed]\nrepetitions = 2\n[calibration]")
    return (recipe, *done_here(recipe, folder / "out"))


def test_it_tells_of_every_network(done: Done) -> None:
    recipe, results, _, _ = done
    assert results_from_file(recipe.parent / "out") == results
    assert results.expected == len(results.models) == 2
    full, pruned = results.models
    assert (full.name, full.arm, full.training and full.training.steps) == ("full/seed-1", None, 6)
    assert (pruned.name, pruned.blocks) == ("half/lth/seed-1", ("1", "2", "3", "4"))
    # Rewound to step 2 of 6.
    assert pruned.training is not None
    assert pruned.training.steps == 4
    assert pruned.parameters < full.parameters
    assert pruned.macs < full.macs
    assert pruned.padded_macs == full.padded_macs
    for row in results.models:
        assert set(row.accuracy) == {"fp32", "fp16", "int8"}
        assert row.accuracy["int8"]["val"].images == 2
        assert 0.5 < row.agreement["int8"]["val"] <= 1
        assert set(row.speed) == {"openvino fp32", "openvino fp16", "openvino int8"}
        assert row.speed["openvino int8"].repetitions == 2
    assert results.machine is not None


def test_what_is_done_is_not_done_again(done: Done) -> None:
    recipe, results, _, _ = done
    again, _, now = done_here(recipe, recipe.parent / "out")
    assert now == []
    assert again == results


def test_the_same_recipe_gives_the_same_plan_and_measures(done: Done, tmp_path: Path) -> None:
    recipe, results, folders, _ = done
    again, other, _ = done_here(recipe, tmp_path / "out")
    plan = "plan-half-seed-1"
    assert (other[plan] / "plan.json").read_bytes() == (folders[plan] / "plan.json").read_bytes()
    timed = {"speed", "training"}
    for one, two in zip(again.models, results.models):
        assert one.model_dump(exclude=timed) == two.model_dump(exclude=timed)


def test_a_lost_record_is_a_step_to_do_and_no_more(done: Done) -> None:
    recipe, _, folders, _ = done
    (folders["judge-val-full-seed-1"] / RECORD_NAME).unlink()
    _, _, now = done_here(recipe, recipe.parent / "out")
    assert now == ["judge-val-full-seed-1"]


def test_a_training_killed_by_sigkill_goes_on_to_the_same_weights(
    done: Done, tmp_path: Path
) -> None:
    _, _, folders, _ = done
    job = (folders[LTH] / JOB_NAME).read_text(encoding="utf-8")
    often = job.replace('"save_every": 120.0', '"save_every": 0.0')
    assert often != job
    (tmp_path / JOB_NAME).write_text(often, encoding="utf-8")
    script = [sys.executable, "-m", "tests.experiments.study.dying_step", str(tmp_path), "3"]
    killed = subprocess.run(script, cwd=ROOT, check=False)
    assert killed.returncode == -signal.SIGKILL
    assert (tmp_path / STATE_NAME).is_file()
    assert not (tmp_path / RECORD_NAME).exists()

    do_step(tmp_path)
    whole = (folders[LTH] / "checkpoint.pt").read_bytes()
    assert (tmp_path / "checkpoint.pt").read_bytes() == whole
    assert (tmp_path / RECORD_NAME).is_file()


def test_a_finished_training_of_the_same_plan_is_taken_as_it_is(done: Done, tmp_path: Path) -> None:
    recipe, _, folders, _ = done
    graph = graph_of(prepared(recipe))
    store = StepStore(tmp_path, graph.steps)
    full = graph.steps["train-full-seed-1"]
    folder = store.prepare(full)
    for name in ("checkpoint.pt", "step-2.pt"):
        shutil.copy2(folders[full.name] / name, folder)
    before = (folder / "checkpoint.pt").stat().st_mtime_ns
    do_step(folder)
    assert (folder / "checkpoint.pt").stat().st_mtime_ns == before
    finished = store.done(full)
    assert finished is not None
    assert finished.result == {"steps": 6, "seconds": None}


def test_a_finished_training_of_another_plan_is_not(done: Done, tmp_path: Path) -> None:
    recipe, _, folders, _ = done
    graph = graph_of(prepared(recipe))
    full = graph.steps["train-full-seed-1"]
    folder = StepStore(tmp_path, graph.steps).prepare(full)
    shutil.copy2(folders[LTH] / "checkpoint.pt", folder)
    shutil.copy2(folders[full.name] / "step-2.pt", folder)
    job = (folder / JOB_NAME).read_text(encoding="utf-8").replace('"epochs": 3', '"epochs": 4')
    (folder / JOB_NAME).write_text(job, encoding="utf-8")
    with pytest.raises(InvalidInput, match="trained by another plan"):
        do_step(folder)
    assert not (folder / RECORD_NAME).exists()


def test_results_grow_with_the_study(done: Done, tmp_path: Path) -> None:
    recipe, _, _, _ = done
    out = shutil.copytree(recipe.parent / "out", tmp_path / "out")
    for folder in (out / "steps").glob("judge-*-lth-*"):
        shutil.rmtree(folder)
    (out / RESULTS_NAME).unlink()
    study = prepared(recipe)
    graph = graph_of(study)
    part = Collector(study, graph, StepStore(out, graph.steps), out).collect()
    assert [row.name for row in part.models] == ["full/seed-1"]
    assert results_from_file(out).expected == 2
