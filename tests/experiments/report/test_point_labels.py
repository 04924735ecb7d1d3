from __future__ import annotations

import itertools

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.text import Text
from matplotlib.transforms import Bbox

from runtime.experiments.report.point_labels import PointLabel, free_box, label_points

INSIDE = Bbox.from_bounds(0, 0, 400, 300)
WORDS = (60.0, 10.0)


def test_a_label_stands_beside_its_point() -> None:
    box = free_box((200, 150), WORDS, [], INSIDE)

    assert box.x0 > 200
    assert box.y0 < 150 < box.y1


def test_a_label_covers_nothing_and_stays_inside() -> None:
    beside = Bbox.from_bounds(205, 140, 80, 20)
    cornered = free_box((395, 295), WORDS, [], INSIDE)

    assert not free_box((200, 150), WORDS, [beside], INSIDE).overlaps(beside)
    assert cornered.x1 <= INSIDE.x1
    assert cornered.y1 <= INSIDE.y1


def test_labels_of_a_crowd_do_not_overlap() -> None:
    figure = Figure(figsize=(6, 4), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    axes.set_xlim(0, 10)
    axes.set_ylim(0, 10)
    points = [(5.0, 5 + 0.1 * number) for number in range(6)]
    labels = [PointLabel(x, y, f"model number {y:.1f}", "black") for x, y in points]

    label_points(axes, labels, points)

    assert {text.get_text() for text in axes.texts} == {label.text for label in labels}
    figure.draw_without_rendering()
    # Of the words alone, without the line to the point.
    boxes = [Text.get_window_extent(text) for text in axes.texts]
    assert not any(one.overlaps(other) for one, other in itertools.combinations(boxes, 2))
