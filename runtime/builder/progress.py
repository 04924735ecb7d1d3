"""What is told of a build while it runs."""

from __future__ import annotations

from contextlib import contextmanager
from typing import Callable, Iterator

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeRemainingColumn
from typing_extensions import ContextManager, Protocol

from runtime.console import text_column

Advance = Callable[[], None]
"""Called after each part of a step."""


class Reporter(Protocol):
    """Hears of every step of a build."""

    def step(self, title: str, parts: int = 1) -> ContextManager[Advance]:
        """A step begins; its end is the end of the block."""

    def skipped(self, title: str) -> None:
        """A step was done before, for the same inputs."""


class Silence:
    """Tells nobody."""

    @contextmanager
    def step(self, title: str, parts: int = 1) -> Iterator[Advance]:
        """See `Reporter`."""
        yield lambda: None

    def skipped(self, title: str) -> None:
        """See `Reporter`."""


class ConsoleReporter:
    """A line with a bar for each step.

    Args:
        console: where to write.
    """

    def __init__(self, console: Console) -> None:
        self._console = console

    @contextmanager
    def step(self, title: str, parts: int = 1) -> Iterator[Advance]:
        """See `Reporter`."""
        bar = Progress(
            text_column("{task.description:<24}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeRemainingColumn(elapsed_when_finished=True),
            console=self._console,
        )
        with bar:
            task = bar.add_task(title, total=parts)
            yield lambda: bar.advance(task)
            bar.update(task, completed=parts)

    def skipped(self, title: str) -> None:
        """See `Reporter`."""
        self._console.print(f"{title:<24} done before")
