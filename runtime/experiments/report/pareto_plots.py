"""Accuracy against cost: multiply-adds, and milliseconds where they were measured."""

from __future__ import annotations

from pathlib import Path
from typing import Dict, List, Sequence, Tuple

from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from typing_extensions import Literal

from runtime.builder.figure import new_figure, save
from runtime.experiments.report.pareto import Candidate, by_macs, by_time, pareto_front
from runtime.experiments.report.plot_style import (
    EDGE,
    GREY,
    MARK,
    colours_of,
    face_of,
    keys_of,
    marker_of,
    tidy,
)
from runtime.experiments.report.point_labels import Place, PointLabel, label_points
from runtime.experiments.report.variants import Study

Dashes = Literal["-", "--", ":"]
Fronts = Dict[str, List[Candidate]]
"""Candidates by rising cost, by the words of the legend."""
LINE = 1.2  # points
DASHES: Tuple[Dashes, ...] = ("-", "--", ":")
APART = 0.018  # of the axis: between precisions that cost the same


def write_macs_plot(study: Study, judged: str, path: Path) -> bool:
    """A front for each precision: INT8 does not change the number of multiply-adds.

    Args:
        study: whose models to show.
        judged: name of the set of images.
        path: of the PNG.

    Returns:
        Whether any model was judged; without it nothing is written.
    """
    candidates = by_macs(study, judged)
    if not candidates:
        return False
    fronts = {
        f"front in {precision.upper()}": pareto_front(
            [each for each in candidates if each.precision == precision]
        )
        for precision in study.precisions
    }
    plot = _ParetoPlot(study, candidates, apart=APART)
    order = "/".join(precision.upper() for precision in study.precisions)
    apart = f" (a little apart, and labelled in this order: {order})" if "/" in order else ""
    plot.axes.set_xlabel(f"GMACs of one image{apart}")
    plot.axes.set_ylabel(f"mIoU on {judged}, %")
    plot.write(fronts, path)
    return True


def write_time_plot(study: Study, judged: str, backend: str, path: Path) -> bool:
    """One front: on a clock a model in INT8 competes with another one in FP32.

    Args:
        study: whose models to show.
        judged: name of the set of images.
        backend: that they were timed on.
        path: of the PNG.

    Returns:
        Whether any model was judged and timed; without it nothing is written.
    """
    candidates = by_time(study, judged, backend)
    if not candidates:
        return False
    plot = _ParetoPlot(study, candidates)
    plot.axes.set_xlabel(f"milliseconds of one image on {backend}")
    plot.axes.set_ylabel(f"mIoU on {judged}, %")
    plot.write({"front": pareto_front(candidates)}, path)
    return True


class _ParetoPlot:
    """Points and stairs.

    Args:
        study: for colours and names.
        candidates: the points.
        apart: how far the precisions are moved apart, as a share of the axis.
    """

    def __init__(self, study: Study, candidates: Sequence[Candidate], apart: float = 0.0) -> None:
        self._study = study
        self._colours = colours_of(study)
        self._candidates = candidates
        self._end = 1.15 * max(each.cost for each in candidates)
        middle = (len(study.precisions) - 1) / 2
        self._shifts = {
            precision: (position - middle) * apart * self._end
            for position, precision in enumerate(study.precisions)
        }
        self._figure = new_figure(9.2, 5.2)
        self.axes: Axes = self._figure.add_subplot()

    def write(self, fronts: Fronts, path: Path) -> None:
        axes = self.axes
        tidy(axes)
        axes.set_title(f"{self._study.results.study}: accuracy against cost", loc="left")
        for each in self._candidates:
            self._draw(each)
        axes.set_xlim(0, self._end)
        low, high = axes.get_ylim()
        axes.set_ylim(low, high + 0.08 * (high - low))
        stairs = [self._stairs(front) for front in fronts.values()]
        handles = keys_of(self._study)
        for name, corners, dashes in zip(fronts, stairs, DASHES):
            xs, ys = [x for x, _ in corners], [y for _, y in corners]
            line = Line2D(xs, ys, color=GREY, linewidth=LINE, linestyle=dashes, label=name)
            line.set_zorder(1.5)
            handles.append(axes.add_line(line))
        axes.legend(handles=handles, loc="center left", bbox_to_anchor=(1.01, 0.5), frameon=False)
        points = [self._place(each) for each in self._candidates]
        lines = [*stairs, *(self._range(each) for each in self._candidates)]
        label_points(axes, self._labels(list(fronts.values())), points, lines)
        save(self._figure, path)

    def _place(self, candidate: Candidate) -> Place:
        return candidate.cost + self._shifts[candidate.precision], candidate.miou.mean * 100

    def _range(self, candidate: Candidate) -> List[Place]:
        x, _ = self._place(candidate)
        return [(x, candidate.miou.low * 100), (x, candidate.miou.high * 100)]

    def _draw(self, candidate: Candidate) -> None:
        colour = self._colours[candidate.variant.family]
        x, mean = self._place(candidate)
        (_, low), (_, high) = self._range(candidate)
        self.axes.errorbar(
            x,
            mean,
            yerr=[[mean - low], [high - mean]] if high > low else None,
            color=colour,
            marker=marker_of(candidate.variant),
            markersize=MARK,
            markerfacecolor=face_of(candidate.precision, colour),
            markeredgewidth=EDGE,
            elinewidth=LINE,
            capsize=2,
        )

    def _stairs(self, front: Sequence[Candidate]) -> List[Place]:
        """Between two models nothing is to be had, so the line does not climb there."""
        places = [self._place(each) for each in front]
        ends = [x for x, _ in places[1:]] + [self._end]
        return [corner for (x, y), end in zip(places, ends) for corner in ((x, y), (end, y))]

    def _labels(self, fronts: Sequence[Sequence[Candidate]]) -> List[PointLabel]:
        """The fronts and the whole networks by name; the legend tells the others.

        Precisions at one cost share a label, at the first of them.
        """
        on_a_front = [each for front in fronts for each in front]
        whole = [each for each in self._candidates if each.variant.whole]
        named: Dict[Tuple[str, float], Candidate] = {}
        for each in [*on_a_front, *whole]:
            named.setdefault((each.variant.label, each.cost), each)
        return [self._label(candidate) for candidate in named.values()]

    def _label(self, candidate: Candidate) -> PointLabel:
        sharing = [
            each
            for each in self._candidates
            if (each.variant, each.cost) == (candidate.variant, candidate.cost)
        ]
        words = "/".join(each.precision.upper() for each in sharing)
        numbers = "/".join(f"{each.miou.mean * 100:.1f}" for each in sharing)
        shared = len(sharing) == len(self._study.precisions) > 1
        x, miou = self._place(sharing[0])
        label = candidate.variant.label
        text = f"{label}: {numbers}" if shared else f"{label} {words}: {numbers}"
        return PointLabel(x, miou, text, self._colours[candidate.variant.family])
