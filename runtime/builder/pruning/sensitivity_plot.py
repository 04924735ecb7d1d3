"""The sensitivity of groups as small multiples: one curve of mIoU against ratio for each."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Dict

from matplotlib.axes import Axes

from runtime.builder.figure import COLOURS, new_figure, save
from runtime.builder.pruning.sensitivity import Point, PruningSensitivity, ascending

COLUMNS = 6
WIDTH, HEIGHT = 2.1, 1.75  # inches of a small plot
HEADROOM = 0.05
_STREAM, _INSIDE = COLOURS[1], COLOURS[0]


def write_sensitivity_plot(found: PruningSensitivity, path: Path) -> None:
    """Draws all groups on the same axes, in the order of the network.

    Residual streams, which every level and every block behind them reads, have another colour than
    the insides of blocks. The dashed line is the whole network.

    Args:
        found: with a point at least.
        path: the PNG; its folder must exist.
    """
    names = list(found.points)
    columns = min(COLUMNS, len(names))
    rows = math.ceil(len(names) / columns)
    figure = new_figure(max(6.5, columns * WIDTH), rows * HEIGHT + 0.9)
    grid = figure.subplots(rows, columns, sharex=True, sharey=True, squeeze=False).ravel()
    for axes, name in zip(grid, names):
        _draw(axes, name, found.points[name], found.whole_miou)
        axes.set_title(f"{name} ({found.channels[name]})", size=8.5)
    for axes in grid[len(names) :]:
        axes.set_axis_off()
    # The lowest plot of a column may stand above an empty place, where shared axes hide its ticks.
    for axes in grid[max(0, len(names) - columns) : len(names)]:
        axes.tick_params(labelbottom=True)
    most = max(p.miou for points in found.points.values() for p in points.values())
    ratios = sorted({float(ratio) for points in found.points.values() for ratio in points})
    grid[0].set_ylim(0, 100 * (max(most, found.whole_miou) + HEADROOM))
    grid[0].set_xticks([0, *ratios], ["0", *(f"{ratio:g}" for ratio in ratios)])
    figure.supxlabel("share of the group's channels removed, no training after it", size=9)
    figure.supylabel("mIoU, %", size=9)
    figure.suptitle(
        f"Each group cut alone ({found.importance}), on {found.images} images; in brackets its "
        "channels",
        size=10,
    )
    save(figure, path)


def _draw(axes: Axes, name: str, points: Dict[str, Point], whole: float) -> None:
    ratios = ascending(points)
    shares = [0.0, *(float(ratio) for ratio in ratios)]
    values = [100 * whole, *(100 * points[ratio].miou for ratio in ratios)]
    colour = _INSIDE if ".block" in name else _STREAM
    axes.axhline(100 * whole, color="#8c8c8c", lw=0.8, ls="--")
    axes.plot(shares, values, color=colour, marker="o", ms=3.5, lw=1.4)
    axes.grid(lw=0.4)
    axes.tick_params(labelsize=7)
    axes.set_axisbelow(True)
