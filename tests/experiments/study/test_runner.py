"""The runner with real processes, which mostly fail or are ended, as that is quick."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import List

import pytest

from runtime.builder.checkpoint import save_checkpoint
from runtime.builder.pruning.request import PruningRequest
from runtime.errors import BuildFailed
from runtime.experiments.study import runner as runner_module
from runtime.experiments.study.graph import graph_of
from runtime.experiments.study.runner import Runner, only_study_in
from runtime.experiments.study.step import Given, Product, Step
from runtime.experiments.study.step_process import ABANDONED
from runtime.experiments.study.store import LOG_NAME, StepStore
from runtime.repository.engine_folder import sha256_of
from tests.builder.tiny_training import network
from tests.experiments.study.tiny_study import changed, prepared, write_study

REQUEST = PruningRequest(blocks=("1",), alignment=1).model_dump(mode="json")


class Notes:
    """Writes down what it hears."""

    def __init__(self) -> None:
        self.heard: List[str] = []

    def started(self, step: Step, folder: Path) -> None:
        self.heard.append(f"start {step.name}")

    def finished(self, step: Step) -> None:
        self.heard.append(f"done {step.name}")

    def failed(self, step: Step, reason: str) -> None:
        self.heard.append(f"failed {step.name}: {reason}")

    def look(self) -> None:
        pass


class CtrlC(Notes):
    """Interrupts as soon as something runs."""

    def look(self) -> None:
        raise KeyboardInterrupt


def endless(folder: Path) -> StepStore:
    """A study whose first step is a training of days."""
    recipe = write_study(folder)
    changed(folder / "training.toml", "epochs = 3", "epochs = 1000000")
    return StepStore(folder, graph_of(prepared(recipe)).steps)


@pytest.mark.long
def test_a_failed_step_stops_only_what_needs_it(tmp_path: Path) -> None:
    save_checkpoint(tmp_path / "net.pt", network(), {})
    good = Given(tmp_path / "net.pt", sha256_of(tmp_path / "net.pt"))
    gone = Given(tmp_path / "gone.pt", "0" * 64)
    made = Product("bad", "plan.json")
    steps = {
        "bad": Step("bad", "plan", {"request": REQUEST}, {"checkpoint": gone}),
        "behind": Step("behind", "cut", {"arm": "ft"}, {"checkpoint": good, "plan": made}),
        "good": Step("good", "plan", {"request": REQUEST}, {"checkpoint": good}),
    }
    store = StepStore(tmp_path, steps)
    notes = Notes()
    with only_study_in(tmp_path) as lock, Runner(steps, store, 2, notes, lock) as runner:
        runner.run()

    assert list(runner.failures) == ["bad"]
    assert "no checkpoint" in runner.failures["bad"]
    assert store.done(steps["good"]) is not None
    assert "start behind" not in notes.heard
    key = store.key(steps["bad"])
    assert key is not None
    log = store.folder(steps["bad"], key) / LOG_NAME
    assert runner.failures["bad"] in log.read_text(encoding="utf-8")


def test_an_interrupt_ends_the_processes_of_steps(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = endless(tmp_path)
    training = {step.name: step for step in store.steps if step.name == "train-full-seed-1"}
    interrupted = pytest.raises(KeyboardInterrupt)
    locked = only_study_in(tmp_path)
    with interrupted, locked as lock, Runner(training, store, 1, CtrlC(), lock) as runner:
        runner.run()
    # A process of a step holds the lock too, so that it is free only when all are gone.
    monkeypatch.setattr(runner_module, "LOCK_S", 0.0)
    with only_study_in(tmp_path):
        pass


@pytest.mark.long
def test_a_step_ends_with_its_study(tmp_path: Path) -> None:
    store = endless(tmp_path)
    folder = store.prepare(next(iter(store.steps)))
    script = [sys.executable, "-m", "runtime.experiments.study.step_process", str(folder)]
    with subprocess.Popen(script, stdin=subprocess.PIPE) as process:
        assert process.stdin is not None
        process.stdin.close()
        assert process.wait(60) == ABANDONED


def test_one_study_runs_in_a_folder_at_a_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runner_module, "LOCK_S", 0.0)
    refused = pytest.raises(BuildFailed, match="another process runs the study")
    with only_study_in(tmp_path), refused, only_study_in(tmp_path):
        pass
