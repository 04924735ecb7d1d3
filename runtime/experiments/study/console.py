"""What is told of a study: the table of its steps, and a line for each that runs."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Callable, Dict, Mapping

from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TaskID, TimeElapsedColumn
from rich.table import Table

from runtime.builder.training.progress import LOG_NAME as TRAINING_LOG
from runtime.console import text_column
from runtime.experiments.study.results import StudyResults
from runtime.experiments.study.step import Step
from runtime.experiments.study.store import StepStore

READ_AT_END = 1 << 16


@dataclass(frozen=True)
class _Shown:
    task: TaskID
    folder: Path
    since: float


class ConsoleAudience:
    """Lines of what begins and ends, and below them, on a terminal, what runs now.

    Args:
        console: where to write.
        progress: shown by the caller while the study runs.
        collect: writes the results down; called after each step.
    """

    def __init__(self, console: Console, progress: Progress, collect: Callable[[], object]) -> None:
        self._collect = collect
        self._console = console
        self._progress = progress
        self._shown: Dict[str, _Shown] = {}

    def started(self, step: Step, folder: Path) -> None:
        """See `Audience`."""
        task = self._progress.add_task(step.name, told="")
        self._shown[step.name] = _Shown(task, folder, time.monotonic())
        self._say(f"start  {step.name}  ({folder.name})")

    def finished(self, step: Step) -> None:
        """See `Audience`."""
        self._say(f"done   {step.name}  after {self._end(step):.0f} s")
        self._collect()

    def failed(self, step: Step, reason: str) -> None:
        """See `Audience`."""
        log = self._shown[step.name].folder
        self._say(f"FAILED {step.name}  after {self._end(step):.0f} s: {reason} (log in {log})")

    def look(self) -> None:
        """See `Audience`."""
        for shown in self._shown.values():
            self._progress.update(shown.task, told=training_told(shown.folder))

    def _end(self, step: Step) -> float:
        shown = self._shown.pop(step.name)
        self._progress.remove_task(shown.task)
        return time.monotonic() - shown.since

    def _say(self, text: str) -> None:
        self._console.print(
            f"{time.strftime('%H:%M:%S')} {text}", highlight=False, markup=False, soft_wrap=True
        )


def progress_on(console: Console) -> Progress:
    """A line for each running step, of which nothing stays when it ends."""
    return Progress(
        SpinnerColumn(),
        text_column("{task.description}"),
        text_column("{task.fields[told]}"),
        TimeElapsedColumn(),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    )


def steps_table(steps: Mapping[str, Step], store: StepStore) -> Table:
    """Every step with its state and what it depends on.

    Args:
        steps: of the study, by name.
        store: where they lie.
    """
    table = Table(title="steps of the study")
    for heading in ("step", "state", "key", "after"):
        table.add_column(heading, overflow="fold")
    for step in steps.values():
        key = store.key(step)
        state = "to do" if store.done(step) is None else "done"
        table.add_row(step.name, state, "" if key is None else key[:12], "\n".join(step.after))
    return table


def results_table(results: StudyResults) -> Table:
    """MIoU of every finished row, in percent."""
    table = Table(title=f"{results.study}: {len(results.models)} of {results.expected} networks")
    table.add_column("network", overflow="fold")
    table.add_column("parameters", justify="right")
    table.add_column("GMACs", justify="right")
    columns = [
        (precision, name)
        for precision in (results.models[0].accuracy if results.models else ())
        for name in results.judged
    ]
    for precision, name in columns:
        table.add_column(f"{name} {precision}", justify="right")
    for row in results.models:
        judged = [f"{100 * row.accuracy[precision][name].miou:.2f}" for precision, name in columns]
        table.add_row(row.name, f"{row.parameters:,}", f"{row.macs / 1e9:.2f}", *judged)
    return table


def training_told(folder: Path) -> str:
    """The latest line of a training's log, if the step is one and has written any."""
    path = folder / TRAINING_LOG
    if not path.is_file():
        return ""
    with path.open("rb") as file:
        begin = max(0, path.stat().st_size - READ_AT_END)
        file.seek(begin)
        # The last piece is a line that is being written; the first may lack its beginning.
        lines = file.read().split(b"\n")[1 if begin else 0 : -1]
    told = json.loads(lines[-1]) if lines else {}
    words = [f"{name} {told[name]:.4g}" for name in ("step", "loss", "miou") if name in told]
    return "  ".join(words)
