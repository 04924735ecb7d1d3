"""How far a run is, on the console."""

from __future__ import annotations

from contextlib import contextmanager
from typing import Iterator, Optional

from rich.progress import BarColumn, MofNCompleteColumn, TimeRemainingColumn
from rich.progress import Progress as Bar

from runtime.batch.options import Progress
from runtime.console import error_console, text_column


@contextmanager
def console_progress() -> Iterator[Progress]:
    """A progress bar on standard error."""
    columns = (
        text_column("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
    )
    bar = Bar(*columns, console=error_console())
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
