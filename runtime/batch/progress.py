"""How far a run is, on the console."""

from __future__ import annotations

from contextlib import contextmanager
from typing import Iterator, Optional

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bar

from runtime.batch.options import Progress


@contextmanager
def console_progress() -> Iterator[Progress]:
    """A progress bar on standard error."""
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
    )
    bar = Bar(*columns, console=Console(stderr=True))
    task = bar.add_task("", total=None)

    def show(name: str, done: int, total: Optional[int]) -> None:
        bar.update(task, description=name, completed=done, total=total)
        bar.start()

    try:
        yield show
    finally:
        # A bar that was never started would end in an empty line.
        if bar.live.is_started:
            bar.stop()
