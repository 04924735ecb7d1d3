"""What each class gains or loses against the whole network."""

from __future__ import annotations

import math
from pathlib import Path
from typing import List, Optional, Tuple

import numpy as np

from runtime.builder.figure import new_figure, save
from runtime.experiments.measure import Measure
from runtime.experiments.report.variants import Study
from runtime.repository.manifest import Precision

MOST_CLASSES = 24
"""The most classes that are drawn, those that change most; the tables have all."""
DARK = 0.62  # of the scale: where black letters are no longer readable
# Points at full colour: a smaller scale would paint noise, a larger one hide all but collapses.
SMALLEST_SCALE, LARGEST_SCALE = 2.0, 10.0


def write_class_plot(study: Study, precision: Precision, judged: str, path: Path) -> bool:
    """A heat map with numbers: points of IoU against the whole network in the same precision.

    Args:
        study: whose models to show.
        precision: of both networks that are compared.
        judged: name of the set of images.
        path: of the PNG.

    Returns:
        Whether there was anything to compare; without it nothing is written.
    """
    labels, names, changes = class_changes(study, precision, judged)
    if not labels:
        return False
    chosen = _most_changed(changes)
    total, names, changes = len(names), [names[i] for i in chosen], changes[:, chosen]
    figure = new_figure(max(6.5, 0.57 * len(names) + 3.0), 0.42 * len(labels) + 2.6)
    axes = figure.add_subplot()
    known = np.abs(changes[~np.isnan(changes)])
    scale = min(max(float(known.max(initial=0)), SMALLEST_SCALE), LARGEST_SCALE)
    # Blue and red of like lightness: also told apart by those who see no green.
    image = axes.imshow(changes, cmap="RdBu", vmin=-scale, vmax=scale, aspect="auto")
    axes.set_xticks(range(len(names)), names, rotation=45, ha="right", rotation_mode="anchor")
    axes.set_yticks(range(len(labels)), labels)
    axes.set_xticks(np.arange(len(names) - 1) + 0.5, minor=True)
    axes.set_yticks(np.arange(len(labels) - 1) + 0.5, minor=True)
    axes.grid(which="minor", color="white", linewidth=1.5)
    axes.axvline(0.5, color="black", linewidth=1)
    axes.tick_params(which="both", length=0)
    axes.spines[:].set_visible(False)
    for (row, column), change in np.ndenumerate(changes):
        shade = "white" if abs(change) > DARK * scale else "black"
        text = "" if np.isnan(change) else f"{change:+.1f}"
        axes.text(column, row, text, ha="center", va="center", color=shade, size=8)
    some = (
        f": the {len(names) - 1} of {total - 1} classes that change most"
        if len(names) < total
        else ""
    )
    axes.set_title(
        f"{study.results.study}: IoU against full in {precision.upper()} on {judged}{some}",
        loc="left",
        size=11,
    )
    figure.colorbar(image, ax=axes, label="points", extend="both", shrink=0.8, pad=0.01)
    save(figure, path)
    return True


def class_changes(
    study: Study, precision: Precision, judged: str
) -> Tuple[List[str], List[str], np.ndarray]:
    """What pruning does to each class.

    Args:
        study: whose models to compare.
        precision: of both networks that are compared.
        judged: name of the set of images.

    Returns:
        Labels of the pruned models that can be compared, `mean` and names of the classes, and
        (models, 1 + classes) points of IoU; NaN where a class is not to be seen.
    """
    rows: List[List[float]] = []
    labels: List[str] = []
    names: List[str] = []
    for variant in study.pruned:
        whole = study.whole_of(variant)
        before = {} if whole is None else whole.iou(precision, judged)
        after = variant.iou(precision, judged)
        if whole is None or not before or not after:
            continue
        names = names or list(before)
        mean = _gained(whole.miou(precision, judged), variant.miou(precision, judged))
        rows.append([mean, *(_gained(before.get(name), after.get(name)) for name in names)])
        labels.append(variant.label)
    return labels, ["mean", *names], np.array(rows)


def _gained(before: Optional[Measure], after: Optional[Measure]) -> float:
    if before is None or after is None:
        return math.nan
    return (after.mean - before.mean) * 100


def _most_changed(changes: np.ndarray) -> List[int]:
    """Columns to draw, in their order: the mean, and the classes that change most anywhere."""
    sizes = np.nan_to_num(np.abs(changes)).max(axis=0)
    sizes[0] = np.inf
    return sorted(np.argsort(-sizes, kind="stable")[: MOST_CLASSES + 1].tolist())
