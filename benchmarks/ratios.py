"""Interleaved ratios: the only timings that mean something on a machine that others use too."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Callable, Dict, List, Mapping

import numpy as np
from rich.console import Console
from rich.table import Table

Measure = Callable[[], float]


@dataclass(frozen=True)
class Row:
    """One candidate's figures over all rounds, and its ratio to the baseline of the same round."""

    name: str
    figures: List[float]
    ratios: List[float]


def interleaved(baseline: Measure, candidates: Mapping[str, Measure], rounds: int) -> List[Row]:
    """Measures baseline, candidate, baseline, candidate ... and compares neighbours.

    The baseline of a candidate is the mean of the measurements just before and just after it, so
    that a machine that slows down meanwhile slows down both.
    """
    figures: Dict[str, List[float]] = {name: [] for name in candidates}
    ratios: Dict[str, List[float]] = {name: [] for name in candidates}
    before = baseline()
    for _ in range(rounds):
        for name, measure in candidates.items():
            figure = measure()
            after = baseline()
            figures[name].append(figure)
            ratios[name].append(figure / ((before + after) / 2))
            before = after
    return [Row(name, figures[name], ratios[name]) for name in candidates]


def show(title: str, unit: str, rows: List[Row]) -> None:
    """Prints medians, and the 10th and 90th percentile of the ratios."""
    table = Table("what", unit, "ratio, median", "10 % - 90 %", "rounds", title=title)
    for row in rows:
        low, high = np.percentile(row.ratios, (10, 90))
        table.add_row(
            row.name,
            f"{np.median(row.figures):.1f}",
            f"{np.median(row.ratios):.3f}",
            f"{low:.3f} - {high:.3f}",
            str(len(row.ratios)),
        )
    Console(width=100).print(table)
