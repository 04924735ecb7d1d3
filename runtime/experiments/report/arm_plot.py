"""The arms of every pruning beside each other, with what the seeds leave open."""

from __future__ import annotations

from pathlib import Path
from typing import List, Tuple

from matplotlib.axes import Axes

from runtime.builder.figure import new_figure, save
from runtime.experiments.measure import Measure
from runtime.experiments.report.plot_style import (
    EDGE,
    GREY,
    MARK,
    colours_of,
    face_of,
    halo,
    marker_of,
    tidy,
)
from runtime.experiments.report.variants import Study, Variant, miou_of
from runtime.repository.manifest import Precision

GAP = 0.7  # between families, in arms
POINT, LETTER = 0.34, 0.095  # inches that a number needs, and a letter of a family's name
ROOM = 0.06  # for numbers above and below, as a share of the axis

Place = Tuple[float, Variant]
"""Where a variant stands, in arms from the left."""


def write_arm_plot(study: Study, path: Path) -> bool:
    """The mIoU of all models by pruning and arm, a panel for each judged set.

    A point is the mean of a model's seeds, the small dots are the seeds themselves, and the lines
    across are the whole networks.

    Args:
        study: whose models to show.
        path: of the PNG.

    Returns:
        Whether anything was pruned; without it there is nothing to compare, and nothing is written.
    """
    if not study.pruned:
        return False
    places = _places(study)
    width = _arm_inches(study) * (places[-1][0] - places[0][0] + 1.5) + 0.9
    figure = new_figure(max(6.5, width), 3.7 * len(study.judged) + 0.3)
    panels = figure.subplots(len(study.judged), 1, squeeze=False)[:, 0]
    for axes, judged in zip(panels, study.judged):
        _draw_panel(study, axes, judged, places)
    words = {"fp32": "filled FP32", "fp16": "light FP16", "int8": "hollow INT8"}
    shown = ", ".join(words[precision] for precision in study.precisions)
    figure.suptitle(f"{study.results.study}: arms of each pruning ({shown})", x=0.01, ha="left")
    save(figure, path)
    return True


def _arm_inches(study: Study) -> float:
    return POINT * (len(study.precisions) + 0.5)


def _places(study: Study) -> List[Place]:
    """Arms of a family are neighbours; a family has room for its name, and a gap behind it."""
    places: List[Place] = []
    start = 0.0
    for family, variants in study.families.items():
        letters = max(map(len, _lines(family).split("\n")))
        width = max(len(variants), LETTER * letters / _arm_inches(study))
        first = start + (width - len(variants)) / 2
        places += [(first + position, variant) for position, variant in enumerate(variants)]
        start += width + GAP
    return places


def _lines(family: str) -> str:
    """The network's name, where there is one, above the pruning's."""
    return "\n".join(family.rsplit(" ", 1))


def _draw_panel(study: Study, axes: Axes, judged: str, places: List[Place]) -> None:
    tidy(axes)
    axes.grid(visible=False, axis="x")
    axes.set_ylabel(f"mIoU on {judged}, %")
    for position, variant in places:
        for precision in study.precisions:
            _draw_model(study, axes, (judged, precision), position, variant)
        if variant.whole:
            _draw_reference(study, axes, judged, places, variant)
    axes.set_xticks([position for position, _ in places], [each.arm or "" for _, each in places])
    axes.set_xlim(places[0][0] - 0.75, places[-1][0] + 0.75)
    low, high = axes.get_ylim()
    axes.set_ylim(low - ROOM * (high - low), high + ROOM * (high - low))
    colours = colours_of(study)
    for family, variants in study.families.items():
        mine = [position for position, each in places if each in variants]
        axes.annotate(
            _lines(family),
            (sum(mine) / len(mine), 0),
            xycoords=("data", "axes fraction"),
            xytext=(0, -24),
            textcoords="offset points",
            ha="center",
            va="top",
            color=colours[family],
            weight="bold",
        )


def _draw_model(
    study: Study,
    axes: Axes,
    measured: Tuple[str, Precision],
    position: float,
    variant: Variant,
) -> None:
    judged, precision = measured
    miou = variant.miou(precision, judged)
    if miou is None:
        return
    rank = study.precisions.index(precision) - (len(study.precisions) - 1) / 2
    x, colour = position + rank / (len(study.precisions) + 0.5), colours_of(study)[variant.family]
    seeds = [miou_of(model, precision, judged) for model in variant.seeds]
    shares = [each * 100 for each in seeds if each is not None]
    if len(shares) > 1:
        axes.vlines(x, miou.low * 100, miou.high * 100, color=colour, linewidth=1.2)
        axes.plot([x] * len(shares), shares, ".", color=colour, markersize=4)
    axes.plot(
        x,
        miou.mean * 100,
        marker=marker_of(variant),
        color=colour,
        markersize=MARK,
        markerfacecolor=face_of(precision, colour),
        markeredgewidth=EDGE,
    )
    # Numbers of neighbours would touch: those of the last precision stand below.
    below = rank > 0 and precision == study.precisions[-1]
    _write_number(axes, x, miou, colour, below)


def _write_number(axes: Axes, x: float, miou: Measure, colour: str, below: bool) -> None:
    axes.annotate(
        f"{miou.mean * 100:.1f}",
        (x, (miou.low if below else miou.high) * 100),
        xytext=(0, -7 if below else 7),
        textcoords="offset points",
        ha="center",
        va="top" if below else "bottom",
        size=7.5,
        color=colour,
        path_effects=halo(),
    )


def _draw_reference(
    study: Study, axes: Axes, judged: str, places: List[Place], whole: Variant
) -> None:
    """A line from a whole network to the last that was pruned from it."""
    miou = whole.miou(study.precisions[0], judged)
    mine = [position for position, each in places if study.whole_of(each) is whole]
    if miou is not None:
        height = miou.mean * 100
        axes.hlines(height, mine[0], mine[-1] + 0.5, GREY, ":", linewidth=1, zorder=1)
