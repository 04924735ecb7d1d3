"""What all plots of a report share: what colours, marks and fillings stand for."""

from __future__ import annotations

from itertools import cycle
from typing import Dict, List, Optional

from matplotlib.axes import Axes
from matplotlib.colors import to_hex, to_rgb
from matplotlib.lines import Line2D
from matplotlib.patheffects import AbstractPathEffect, withStroke

from runtime.builder.figure import COLOURS
from runtime.experiments.report.variants import Study, Variant
from runtime.repository.manifest import Precision

MARK, EDGE = 8.0, 1.4  # points
# Whole networks are grey, pruned ones of the colours.
WHOLE_COLOURS = ("#000000", "#8c8c8c", "#5a4632")
MARKERS: Dict[Optional[str], str] = {
    None: "o",
    "LTH": "^",
    "FT": "s",
    "RI": "v",
    "RI-P": "D",
    "LRR": "P",
    "untrained": "*",
}
STRENGTHS: Dict[Precision, float] = {"fp32": 1.0, "fp16": 0.4, "int8": 0.0}
GREY = "#666666"


def halo() -> List[AbstractPathEffect]:
    """Keeps letters readable where a line passes behind them."""
    return [withStroke(linewidth=2.5, foreground="white")]


def colours_of(study: Study) -> Dict[str, str]:
    """A colour for each family, in their order; whole networks have one of their own kind."""
    whole, pruned = cycle(WHOLE_COLOURS), cycle(COLOURS)
    return {
        name: next(whole if variants[0].whole else pruned)
        for name, variants in study.families.items()
    }


def marker_of(variant: Variant) -> str:
    """A mark for each arm."""
    return MARKERS.get(variant.arm, "X")


def face_of(precision: Precision, colour: str) -> str:
    """FP32 is filled, FP16 light, INT8 hollow."""
    strength = STRENGTHS[precision]
    red, green, blue = (1 - strength * (1 - part) for part in to_rgb(colour))
    return to_hex((red, green, blue))


def keys_of(study: Study) -> List[Line2D]:
    """What colours, marks and fillings mean, for a legend."""
    arms = {variant.arm: marker_of(variant) for variant in study.pruned if variant.arm}
    keys = [_key(family, "o", colour, colour) for family, colour in colours_of(study).items()]
    keys += [_key(arm, marker, GREY, GREY) for arm, marker in arms.items()]
    for precision in study.precisions:
        keys.append(_key(precision.upper(), "o", GREY, face_of(precision, GREY)))
    return keys


def _key(label: str, marker: str, colour: str, face: str) -> Line2D:
    return Line2D(
        [],
        [],
        label=label,
        marker=marker,
        color=colour,
        markerfacecolor=face,
        markersize=MARK,
        markeredgewidth=EDGE,
        linestyle="",
    )


def tidy(axes: Axes) -> None:
    """Takes away what carries no information, and adds lines to read values by."""
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(visible=True, color="#e4e4e4", linewidth=0.8)
    axes.set_axisbelow(True)
