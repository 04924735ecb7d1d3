"""The terminal. What is printed there is text: brackets and colons in names mean nothing."""

from __future__ import annotations

import sys

from rich.console import Console
from rich.progress import TextColumn


def output_console() -> Console:
    """Standard output, for results."""
    return Console(file=sys.stdout, markup=False, emoji=False)


def error_console() -> Console:
    """Standard error, for progress and remarks."""
    return Console(stderr=True, markup=False, emoji=False)


def text_column(form: str) -> TextColumn:
    """A column of a progress display that takes names as they are.

    Args:
        form: as `TextColumn` takes it, such as `{task.description}`.
    """
    return TextColumn(form, markup=False)
