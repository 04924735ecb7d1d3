"""What is told of a training while it runs: a bar, a log, scalars, and held-out measures."""

from __future__ import annotations

import json
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, Callable, Dict, Optional, Type

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeRemainingColumn

from runtime.builder.evaluation.confusion import EvaluationReport
from runtime.builder.swiftnet import SwiftNet
from runtime.builder.training.loop import Step
from runtime.console import error_console, text_column
from runtime.errors import BuildFailed

LOG_NAME = "log.jsonl"
TOLD_EVERY = 20

Measure = Callable[[SwiftNet], EvaluationReport]
"""Evaluates a model on the held-out images."""
Record = Dict[str, Any]


class ScalarLog:
    """One JSON object a line: `step` and what was measured there.

    A resumed training takes up the log where its state was saved: what a killed run wrote beyond
    that is dropped, because it happens again.

    Args:
        path: appended to.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._cut = False

    def write(self, step: int, record: Record) -> None:
        """Appends a line for a step."""
        if not self._cut:
            self._drop_from(step)
            self._cut = True
        with self._path.open("a", encoding="utf-8") as file:
            file.write(json.dumps({"step": step, **record}) + "\n")

    def _drop_from(self, step: int) -> None:
        if not self._path.is_file():
            return
        lines = self._path.read_text(encoding="utf-8").splitlines(keepends=True)
        # The last line of a killed run may be torn.
        whole = [line for line in lines if line.endswith("\n")]
        kept = [line for line in whole if json.loads(line)["step"] < step]
        self._path.write_text("".join(kept), encoding="utf-8")


class TensorBoardScalars:
    """The same numbers as TensorBoard events.

    Args:
        folder: where the events go.

    Raises:
        BuildFailed: TensorBoard is not installed.
    """

    def __init__(self, folder: Path) -> None:
        try:
            from torch.utils.tensorboard import SummaryWriter
        except ImportError as missing:
            raise BuildFailed(
                "TensorBoard scalars were asked for but the module tensorboard is not installed",
                "Install it with `pip install tensorboard`, or leave out --tensorboard",
            ) from missing
        self._open: Callable[..., Any] = SummaryWriter
        self._folder = folder
        self._writer: Optional[Any] = None

    def write(self, step: int, record: Record) -> None:
        """Adds every number of the record, nested ones as `outer/inner`."""
        if self._writer is None:
            self._writer = self._open(str(self._folder), purge_step=step)
        for name, value in _flat(record).items():
            self._writer.add_scalar(name, value, step)

    def close(self) -> None:
        """Writes out what is pending."""
        if self._writer is not None:
            self._writer.close()


class TrainingProgress:
    """Listens to a training and tells of it; a context manager.

    Args:
        folder: of the training; gets the log.
        measure: evaluates the held-out images, None where there are none.
        measure_every: epochs between evaluations.
        tensorboard: whether to write its events too.
    """

    def __init__(
        self,
        folder: Path,
        measure: Optional[Measure],
        measure_every: int = 5,
        tensorboard: bool = False,
    ) -> None:
        self._measure = measure
        self._measure_every = measure_every
        self._log = ScalarLog(folder / LOG_NAME)
        self._scalars = TensorBoardScalars(folder) if tensorboard else None
        self._bar = Progress(
            text_column("training"),
            BarColumn(),
            MofNCompleteColumn(),
            text_column("loss {task.fields[loss]:.3f}  mIoU {task.fields[miou]}"),
            TimeRemainingColumn(),
            console=error_console(),
        )
        self._task = self._bar.add_task("training", total=None, loss=float("nan"), miou="-")
        self._resources = ExitStack()

    def __enter__(self) -> TrainingProgress:
        self._resources.enter_context(self._bar)
        if self._scalars is not None:
            self._resources.callback(self._scalars.close)
        return self

    def __exit__(
        self,
        kind: Optional[Type[BaseException]],
        error: Optional[BaseException],
        trace: Optional[TracebackType],
    ) -> None:
        self._resources.__exit__(kind, error, trace)

    def __call__(self, step: Step) -> None:
        """Tells of one step."""
        self._bar.update(self._task, completed=step.number, total=step.of)
        if step.number % TOLD_EVERY == 0 or step.number == step.of:
            loss = float(step.loss)
            self._bar.update(self._task, loss=loss)
            self._write(step.number, {"loss": loss, "learning_rate": step.learning_rate})
        if step.number < step.of and step.number % (self._measure_every * step.per_epoch) == 0:
            self.measure(step.number, step.model)

    def measure(self, step: int, model: SwiftNet) -> Optional[EvaluationReport]:
        """Evaluates a model, tells of it and returns what was measured, if anything can be.

        Args:
            step: optimiser steps done.
            model: as it is then.
        """
        if self._measure is None:
            return None
        report = self._measure(model)
        self._bar.update(self._task, miou=f"{report.miou:.1%}")
        self._write(step, report.model_dump(include={"miou", "pixel_accuracy", "iou"}))
        return report

    def _write(self, step: int, record: Record) -> None:
        self._log.write(step, record)
        if self._scalars is not None:
            self._scalars.write(step, record)


def _flat(record: Record) -> Dict[str, float]:
    numbers: Dict[str, float] = {}
    for name, value in record.items():
        if isinstance(value, dict):
            numbers.update({f"{name}/{inner}": v for inner, v in _flat(value).items()})
        elif value is not None:
            numbers[name] = value
    return numbers
