"""`runtime profile --latency-table`: measures a table with its progress on stderr."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Optional, Tuple

from rich.progress import Progress

from runtime.builder.card import card_of
from runtime.builder.checkpoint import load_checkpoint
from runtime.builder.pruning.latency import LatencyTable, write_latency_table
from runtime.console import error_console
from runtime.errors import InvalidInput
from runtime.experiments.profile.latency import (
    Size,
    TablePrecision,
    measure_table,
    widths_to_measure,
)


@dataclass(frozen=True)
class TableJob:
    """One call of `runtime profile --latency-table`.

    Attributes:
        models: one checkpoint.
        out: the table to write.
        precision: of the timed graphs.
        size: rows and columns of the image; None for the checkpoint's input.
        alignment: widths are multiples of it.
        widths: at most so many per group.
        repetitions: passes of each network.
    """

    models: Tuple[Path, ...]
    out: Path
    precision: TablePrecision = "int8"
    size: Optional[Size] = None
    alignment: int = 32
    widths: int = 4
    repetitions: int = 20

    def __post_init__(self) -> None:
        if len(self.models) != 1 or self.models[0].is_dir():
            raise InvalidInput(
                f"a latency table is of one checkpoint, but {len(self.models)} models were given"
                if len(self.models) != 1
                else f"{self.models[0]} is an engine folder, whose widths cannot be changed",
                "Give one checkpoint",
            )
        if min(self.alignment, self.widths, self.repetitions) < 1:
            raise InvalidInput(
                "alignment, widths and repetitions must be 1 at least", "Give larger numbers"
            )
        if not self.out.resolve().parent.is_dir():
            raise InvalidInput(f"there is no folder {self.out.parent}", "Make it first")


def run_latency_table(job: TableJob) -> str:
    """Measures and writes the table, and says in a few lines what it holds.

    Raises:
        InvalidInput: the checkpoint cannot be read.
    """
    checkpoint = load_checkpoint(job.models[0])
    size = job.size
    if size is None:
        spec = card_of(checkpoint).input
        size = spec.height, spec.width
    widths = widths_to_measure(checkpoint.architecture, job.alignment, job.widths)
    if not widths:
        raise InvalidInput(
            f"no group is wider than {job.alignment} channels", "Give a smaller --align"
        )
    with Progress(console=error_console()) as progress:
        task = progress.add_task("narrower networks", total=len(widths))
        table = measure_table(
            checkpoint.architecture,
            size,
            job.precision,
            widths,
            job.repetitions,
            lambda: progress.advance(task),
        )
    write_latency_table(job.out, table)
    return _summary(table) + f"wrote {job.out}\n"


def _summary(table: LatencyTable) -> str:
    lines = [f"{table.whole_ms:.2f} ms whole, {table.backend}, {table.machine}"]
    for name, saved in table.saved_ms.items():
        shown = ", ".join(f"{width}: {ms:.2f}" for width, ms in saved.items())
        lines.append(f"{name:16} ms saved by channels kept: {shown}")
    return "\n".join(lines) + "\n"
