"""Which models are worth having: those that no other beats in both cost and accuracy."""

from __future__ import annotations

from dataclasses import dataclass
from typing import List, Optional, Sequence

from runtime.experiments.measure import Measure, clearly_faster
from runtime.experiments.report.variants import Study, Variant, backend_of, precision_of
from runtime.experiments.study.results import Speed
from runtime.repository.manifest import Precision


@dataclass(frozen=True)
class Candidate:
    """A model in one precision.

    Attributes:
        variant: the model.
        precision: of its build.
        miou: mean IoU as a share.
        cost: 10^9 multiply-adds, or milliseconds.
        speed: where the milliseconds come from; None for multiply-adds.
    """

    variant: Variant
    precision: Precision
    miou: Measure
    cost: float
    speed: Optional[Speed] = None

    def cheaper(self, other: Candidate) -> bool:
        """Whether it costs less; of milliseconds, clearly less."""
        if self.speed is not None and other.speed is not None:
            return clearly_faster(self.speed, other.speed)
        return self.cost < other.cost

    def beats(self, other: Candidate) -> bool:
        """Whether it is more accurate at no higher cost, or as accurate at a lower one."""
        mine, yours = self.miou.mean, other.miou.mean
        if mine == yours:
            return self.cheaper(other)
        return mine > yours and not other.cheaper(self)


def pareto_front(candidates: Sequence[Candidate]) -> List[Candidate]:
    """Those that no other beats, by rising cost."""
    front = [each for each in candidates if not any(other.beats(each) for other in candidates)]
    return sorted(front, key=lambda each: (each.cost, each.miou.mean))


def by_macs(study: Study, judged: str) -> List[Candidate]:
    """All models in all precisions, which do not change their multiply-adds.

    Args:
        study: whose models compete.
        judged: name of the set of images.
    """
    return [
        Candidate(variant, precision, miou, variant.first.macs / 1e9)
        for variant in study.variants
        for precision in study.precisions
        for miou in [variant.miou(precision, judged)]
        if miou is not None
    ]


def by_time(study: Study, judged: str, backend: str) -> List[Candidate]:
    """All models that were timed on a backend.

    Args:
        study: whose models compete.
        judged: name of the set of images.
        backend: that they were timed on.
    """
    return [
        Candidate(variant, precision, miou, speed.median, speed)
        for place in study.places
        if backend_of(place) == backend
        for precision in study.precisions
        if precision == precision_of(place)
        for variant in study.variants
        for miou, speed in [(variant.miou(precision, judged), variant.speed(place))]
        if miou is not None and speed is not None
    ]
