"""Findings as they are printed, within 80 columns."""

from __future__ import annotations

from collections import Counter
from typing import Sequence

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from runtime.diagnostics.finding import Finding

STYLES = {"ok": "green", "warning": "yellow", "problem": "bold red"}


def page(findings: Sequence[Finding]) -> RenderableType:
    """A line for each finding, the cure below it, and the count of verdicts."""
    table = Table.grid(padding=(0, 2))
    table.add_column(no_wrap=True)
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for finding in findings:
        verdict = Text(finding.verdict, style=STYLES[finding.verdict])
        table.add_row(verdict, finding.subject, Text(f"{finding.says}."))
        if finding.cure:
            table.add_row("", "", Text(f"{finding.cure}.", style="bold"))
    return Group(table, Text(f"\n{summary(findings)}"))


def summary(findings: Sequence[Finding]) -> str:
    """How many of each verdict."""
    counts = Counter(finding.verdict for finding in findings)
    warnings, problems = counts["warning"], counts["problem"]
    return ", ".join(
        (
            f"{counts['ok']} ok",
            f"{warnings} warning{'' if warnings == 1 else 's'}",
            f"{problems} problem{'' if problems == 1 else 's'}",
        )
    )
