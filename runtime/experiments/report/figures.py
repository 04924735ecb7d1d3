"""All figures of a report, in the order in which they are shown."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Callable, Iterator

from runtime.experiments.report.arm_plot import write_arm_plot
from runtime.experiments.report.class_plot import write_class_plot
from runtime.experiments.report.int8_plot import write_int8_plot
from runtime.experiments.report.pareto_plots import write_macs_plot, write_time_plot
from runtime.experiments.report.variants import Study, backend_of

CLASSES = "Classes"


@dataclass(frozen=True)
class Figure:
    """A plot that may be drawn.

    Attributes:
        name: of its file.
        words: what it shows; those about classes begin with CLASSES.
        draw: writes a PNG and says whether there were numbers for it; otherwise it writes nothing.
    """

    name: str
    words: str
    draw: Callable[[Path], bool]


def figures_of(study: Study) -> Iterator[Figure]:
    """Those of the first judged set, and the ones that compare all sets."""
    judged = study.judged[0]
    for backend in dict.fromkeys(backend_of(place) for place in study.places):
        yield Figure(
            f"pareto-ms-{backend}",
            f"Accuracy on {judged} against milliseconds on {backend}",
            partial(write_time_plot, study, judged, backend),
        )
    yield Figure(
        "pareto-gmacs",
        f"Accuracy on {judged} against multiply-adds",
        partial(write_macs_plot, study, judged),
    )
    yield Figure("arms", "Arms of each pruning", partial(write_arm_plot, study))
    yield Figure("int8", "What INT8 changes", partial(write_int8_plot, study))
    for precision in study.precisions:
        yield Figure(
            f"classes-{precision}",
            f"{CLASSES} on {judged} against full in {precision.upper()}",
            partial(write_class_plot, study, precision, judged),
        )
