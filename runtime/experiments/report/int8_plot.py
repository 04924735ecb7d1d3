"""What INT8 costs each model."""

from __future__ import annotations

from pathlib import Path
from typing import Tuple

from matplotlib.axes import Axes

from runtime.builder.figure import COLOURS, new_figure, save
from runtime.experiments.measure import Measure
from runtime.experiments.report.plot_style import GREY, MARK, tidy
from runtime.experiments.report.variants import Study

APART = 0.26  # between judged sets, in models
MARKERS = "osD^v"


def write_int8_plot(study: Study, path: Path) -> bool:
    """Points of mIoU that each model gains or loses from FP32 to INT8, on every judged set.

    Args:
        study: whose models to show.
        path: of the PNG.

    Returns:
        Whether there was anything to compare; without it nothing is written.
    """
    compared = [
        variant
        for variant in study.variants
        if any(variant.int8_change(judged) for judged in study.judged)
    ]
    if not compared:
        return False
    figure = new_figure(8.0, 0.5 * len(compared) + 1.6)
    axes = figure.add_subplot()
    tidy(axes)
    axes.grid(visible=False, axis="y")
    axes.axvline(0, color=GREY, linewidth=1)
    for rank, judged in enumerate(study.judged):
        look = MARKERS[rank % len(MARKERS)], COLOURS[rank % len(COLOURS)]
        shift = (rank - (len(study.judged) - 1) / 2) * APART
        axes.plot([], [], look[0], color=look[1], markersize=MARK, label=judged)
        for position, variant in enumerate(compared):
            change = variant.int8_change(judged)
            if change is not None:
                _draw_change(axes, change, position + shift, look)
    axes.set_yticks(range(len(compared)), [variant.label for variant in compared])
    axes.invert_yaxis()
    axes.margins(x=0.14)
    axes.set_xlabel("points of mIoU from FP32 to INT8 (left of zero is a loss)")
    axes.set_title(f"{study.results.study}: what INT8 changes", loc="left")
    axes.legend(loc="lower right", bbox_to_anchor=(1, 1), frameon=False, ncol=len(study.judged))
    save(figure, path)
    return True


def _draw_change(axes: Axes, change: Measure, y: float, look: Tuple[str, str]) -> None:
    """A line from zero to a mark of this shape and colour, with the seeds' range and a number."""
    marker, colour = look
    points = change.mean * 100
    axes.hlines(y, 0, points, color=colour, linewidth=1.2, alpha=0.6)
    axes.hlines(y, change.low * 100, change.high * 100, color=colour, linewidth=3)
    axes.plot(points, y, marker, color=colour, markersize=MARK - 1.5)
    outer = change.low if points < 0 else change.high
    axes.annotate(
        f"{points:+.2f}",
        (outer * 100, y),
        xytext=(-7 if points < 0 else 7, 0),
        textcoords="offset points",
        ha="right" if points < 0 else "left",
        va="center",
        size=7.5,
        color=colour,
    )
