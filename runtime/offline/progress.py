"""How far a run is, on the console."""

from __future__ import annotations

from contextlib import contextmanager
from typing import Iterator, Optional

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bar

from runtime.offline import Progress


@contextmanager
def console_progress() -> Iterator[Progress]:
    """A progress bar on standard error."""
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
    )
    with Bar(*columns, console=Console(stderr=True)) as bar:
        # Hidden until something is told: where all is finished there is nothing to show.
        task = bar.add_task("", total=None, visible=False)

        def show(name: str, done: int, total: Optional[int]) -> None:
            bar.update(task, description=name, completed=done, total=total, visible=True)

        yield show
