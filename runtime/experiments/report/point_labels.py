"""Labels beside the points of a plot, where they cover neither a point nor each other."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Iterator, List, Sequence, Tuple

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.transforms import Bbox

from runtime.experiments.report.plot_style import halo

Place = Tuple[float, float]
SIZE = 8.5  # of the letters, in points
POINT = 8.0  # half of a mark's side, in pixels
NEAR, FAR, STEP = 11.0, 120.0, 12.0  # distance of a label from its point, in pixels
DIRECTIONS = (
    *((1, 0), (0, 1), (0, -1), (-1, 0), (1, 1), (1, -1), (-1, 1), (-1, -1)),
    *((0.5, 1), (-0.5, 1), (0.5, -1), (-0.5, -1)),
)
OVERLAP, OUTSIDE, CROSSED = 1000.0, 3000.0, 20.0  # what they cost, in pixels of distance


@dataclass(frozen=True)
class PointLabel:
    """Words beside a point.

    Attributes:
        x, y: the point, in data coordinates.
        text: the words.
        colour: of the words.
    """

    x: float
    y: float
    text: str
    colour: str


def label_points(
    axes: Axes,
    labels: Sequence[PointLabel],
    points: Sequence[Place],
    lines: Sequence[Sequence[Place]] = (),
) -> None:
    """Writes each label where nothing lies yet, with a line to its point if that is far.

    Lines are taken for the rectangles around them, so they should run along the axes.

    The layout stays as it is from now on: a label has a place in pixels.

    Args:
        axes: with its limits as they shall be; in a figure with an Agg canvas.
        labels: those of upper points are placed first.
        points: which no label may cover, in data coordinates.
        lines: by their corners; no label should cover them.
    """
    canvas = axes.figure.canvas
    if not isinstance(canvas, FigureCanvasAgg):
        raise TypeError(f"labels are measured on an Agg canvas, not on {canvas!r}")
    canvas.figure.draw_without_rendering()
    canvas.figure.set_layout_engine("none")
    inside = axes.get_window_extent()
    taken = [_around(*axes.transData.transform(point)) for point in points]
    crossed = [
        Bbox([[min(x, other_x), min(y, other_y)], [max(x, other_x), max(y, other_y)]])
        for line in lines
        for corners in [[axes.transData.transform(corner) for corner in line]]
        for (x, y), (other_x, other_y) in zip(corners, corners[1:])
    ]
    for label in sorted(labels, key=lambda each: (-each.y, each.x)):
        probe = axes.text(label.x, label.y, label.text, size=SIZE)
        extent = probe.get_window_extent()
        probe.remove()
        x, y = axes.transData.transform((label.x, label.y))
        box = free_box((x, y), (extent.width, extent.height), taken, inside, crossed)
        taken.append(box)
        far = math.hypot(*_nearest(box, (x, y))) > 2 * NEAR
        axes.annotate(
            label.text,
            (label.x, label.y),
            xytext=(box.x0 - x, box.y0 - y),
            textcoords="offset pixels",
            va="bottom",
            size=SIZE,
            color=label.colour,
            path_effects=halo(),
            arrowprops={"arrowstyle": "-", "color": label.colour, "linewidth": 0.6}
            if far
            else None,
        )


def free_box(
    point: Place,
    size: Place,
    taken: Sequence[Bbox],
    inside: Bbox,
    lines: Sequence[Bbox] = (),
) -> Bbox:
    """The place of a label: near its point, covering nothing, inside of the axes.

    Args:
        point: in pixels.
        size: width and height of the label in pixels.
        taken: what must not be covered; where all is taken, the least is.
        inside: the axes.
        lines: what is better not covered.
    """

    def cost(box: Bbox) -> float:
        contained = inside.x0 <= box.x0 and box.x1 <= inside.x1
        contained = contained and inside.y0 <= box.y0 and box.y1 <= inside.y1
        covered = OVERLAP * sum(bool(box.overlaps(other)) for other in taken)
        covered += CROSSED * sum(bool(box.overlaps(line)) for line in lines)
        return math.hypot(*_nearest(box, point)) + covered + (0.0 if contained else OUTSIDE)

    candidates: List[Bbox] = list(_candidates(point, size))
    return min(candidates, key=lambda box: round(cost(box), 3))


def _candidates(point: Place, size: Place) -> Iterator[Bbox]:
    (x, y), (width, height) = point, size
    distance = NEAR
    while distance <= FAR:
        for across, along in DIRECTIONS:
            # The label's nearest corner or side is at the distance, whatever its size.
            reach = distance / math.hypot(round(across), round(along))
            middle_x = x + across * (reach + width / 2)
            middle_y = y + along * (reach + height / 2)
            yield Bbox.from_bounds(middle_x - width / 2, middle_y - height / 2, width, height)
        distance += STEP


def _nearest(box: Bbox, point: Place) -> Place:
    """From a point to the nearest place of a box."""
    x, y = point
    return max(box.x0 - x, 0.0, x - box.x1), max(box.y0 - y, 0.0, y - box.y1)


def _around(x: float, y: float) -> Bbox:
    return Bbox.from_bounds(x - POINT, y - POINT, 2 * POINT, 2 * POINT)
