"""What all plots of the builder share: figures that leave nothing behind, colours, files."""

from __future__ import annotations

from pathlib import Path

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from runtime.files.atomic import whole_file

DPI = 110
# Okabe and Ito's palette, without the yellow that vanishes on white.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")


def new_figure(width: float, height: float) -> Figure:
    """An empty figure of this many inches.

    Args:
        width: in inches.
        height: in inches.
    """
    # A figure of its own, not pyplot, whose global state would outlive this call.
    figure = Figure(figsize=(width, height), dpi=DPI, layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def save(figure: Figure, path: Path) -> None:
    """Writes a PNG whole, and without a version, so that equal plots are equal files.

    Args:
        figure: from `new_figure`.
        path: of the PNG; its folder is there.
    """
    with whole_file(path) as file:
        figure.savefig(file, format="png", metadata={"Software": None})
