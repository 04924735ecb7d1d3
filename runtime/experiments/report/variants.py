"""The rows of a study, those that differ in nothing but the seed taken together."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Callable, Dict, List, Optional, Tuple

from runtime.builder.evaluation.confusion import EvaluationReport
from runtime.errors import InvalidInput
from runtime.experiments.measure import Measure, measured
from runtime.experiments.study.results import Speed, StudiedModel, StudyResults
from runtime.repository.manifest import Precision

PRECISIONS: Tuple[Precision, ...] = ("fp32", "fp16", "int8")
WHOLE = "full"


@dataclass(frozen=True)
class Variant:
    """One network, pruned or whole, recovered in one way, from all its seeds.

    Attributes:
        label: unique in a report: `family` and the arm.
        family: the pruning; before it the network's name where there are several.
        seeds: the study's rows, one per seed; at least one.
    """

    label: str
    family: str
    seeds: Tuple[StudiedModel, ...]

    @property
    def first(self) -> StudiedModel:
        """The row of one seed, for what all of them share."""
        return self.seeds[0]

    @property
    def whole(self) -> bool:
        """Whether nothing was pruned."""
        return self.first.pruning is None

    @property
    def arm(self) -> Optional[str]:
        """How it was recovered; None for a whole network."""
        return None if self.first.arm is None else arm_in_words(self.first.arm)

    def of_each(self, value: Callable[[StudiedModel], Optional[float]]) -> Optional[Measure]:
        """A number of every seed that has it."""
        values = [value(model) for model in self.seeds]
        return measured([each for each in values if each is not None])

    def miou(self, precision: Precision, judged: str) -> Optional[Measure]:
        """Mean IoU, as a share; None where it was not measured."""
        return self.of_each(lambda model: miou_of(model, precision, judged))

    def int8_change(self, judged: str) -> Optional[Measure]:
        """What INT8 adds to the mean IoU of the same weights in FP32; a loss is negative."""

        def change(model: StudiedModel) -> Optional[float]:
            before, after = (miou_of(model, each, judged) for each in ("fp32", "int8"))
            return None if before is None or after is None else after - before

        return self.of_each(change)

    def agreement(self, precision: Precision, judged: str) -> Optional[Measure]:
        """Share of the pixels that get the same label as in FP32."""
        return self.of_each(lambda model: model.agreement.get(precision, {}).get(judged))

    def iou(self, precision: Precision, judged: str) -> Dict[str, Optional[Measure]]:
        """Intersection over union by class; None for a class that is nowhere to be seen."""
        reports = [report_of(model, precision, judged) for model in self.seeds]
        measured_ones = [report for report in reports if report is not None]
        names = list(measured_ones[0].iou) if measured_ones else []
        columns = {name: [report.iou.get(name) for report in measured_ones] for name in names}
        return {
            name: measured([value for value in column if value is not None])
            for name, column in columns.items()
        }

    def speed(self, where: str) -> Optional[Speed]:
        """The mean median and the widest range of all seeds that were timed; None if none was."""
        timed = [model.speed[where] for model in self.seeds if where in model.speed]
        if not timed:
            return None
        return Speed(
            median=sum(speed.median for speed in timed) / len(timed),
            low=min(speed.low for speed in timed),
            high=max(speed.high for speed in timed),
            repetitions=sum(speed.repetitions for speed in timed),
        )


def report_of(model: StudiedModel, precision: Precision, judged: str) -> Optional[EvaluationReport]:
    """What was measured of one row; None if nothing was.

    Args:
        model: a row of the study.
        precision: of the build that was judged.
        judged: name of the set of images.
    """
    return model.accuracy.get(precision, {}).get(judged)


def miou_of(model: StudiedModel, precision: Precision, judged: str) -> Optional[float]:
    """Mean IoU of one row, as a share.

    Args:
        model: a row of the study.
        precision: of the build that was judged.
        judged: name of the set of images.
    """
    report = report_of(model, precision, judged)
    return None if report is None else report.miou


class Study:
    """A study's variants, in the order of its recipe, and how they are related.

    Args:
        results: what was found so far.

    Raises:
        InvalidInput: nothing was, or two rows have one name.
    """

    def __init__(self, results: StudyResults) -> None:
        names = [model.name for model in results.models]
        if not names:
            raise InvalidInput(
                f"no row of the study {results.study!r} is finished",
                "Let `runtime study` finish one at least",
            )
        twice = next((name for name in names if names.count(name) > 1), None)
        if twice is not None:
            raise InvalidInput(
                f"two rows of the study {results.study!r} are called {twice!r}",
                "Run `runtime study` again",
            )
        self.results = results
        self.variants = _variants_of(results.models)

    @property
    def judged(self) -> Tuple[str, ...]:
        """Names of the judged sets; the first is the one that headlines are about."""
        return tuple(self.results.judged)

    @property
    def precisions(self) -> Tuple[Precision, ...]:
        """Those that anything was measured in."""
        found = {precision for model in self.results.models for precision in model.accuracy}
        return tuple(precision for precision in PRECISIONS if precision in found)

    @property
    def places(self) -> Tuple[str, ...]:
        """Where speed was measured: backends with precisions, such as `openvino int8`."""
        found = {place for model in self.results.models for place in model.speed}
        return tuple(sorted(found, key=lambda place: (backend_of(place), _rank(place))))

    @property
    def pruned(self) -> Tuple[Variant, ...]:
        """All variants but the whole networks."""
        return tuple(variant for variant in self.variants if not variant.whole)

    @property
    def seeds(self) -> int:
        """The most seeds that a variant has."""
        return max(len(variant.seeds) for variant in self.variants)

    @property
    def families(self) -> Dict[str, Tuple[Variant, ...]]:
        """Variants that differ in nothing but the arm, by their family."""
        names = dict.fromkeys(variant.family for variant in self.variants)
        return {name: tuple(v for v in self.variants if v.family == name) for name in names}

    def whole_of(self, variant: Variant) -> Optional[Variant]:
        """The network that it was pruned from; None while that is not finished."""
        for other in self.variants:
            if other.whole and other.first.model == variant.first.model:
                return other
        return None

    def reference_place(self, place: str) -> str:
        """What speeds there are compared with: the same backend in its most exact precision."""
        return next(each for each in self.places if backend_of(each) == backend_of(place))

    def times_full(self, variant: Variant, place: str) -> Optional[float]:
        """How many times as fast as the whole network in the backend's most exact precision.

        Args:
            variant: to compare with its whole network.
            place: a backend with a precision, such as `openvino int8`.
        """
        whole = self.whole_of(variant)
        reference = None if whole is None else whole.speed(self.reference_place(place))
        speed = variant.speed(place)
        return None if reference is None or speed is None else reference.median / speed.median


def arm_in_words(arm: str) -> str:
    """An arm of a study, in capitals as in the literature."""
    return "untrained" if arm == "none" else arm.upper()


def backend_of(place: str) -> str:
    """The backend of a place such as `openvino int8`."""
    return place.rpartition(" ")[0]


def precision_of(place: str) -> str:
    """The precision of a place such as `openvino int8`."""
    return place.rpartition(" ")[2]


def _rank(place: str) -> int:
    precision = precision_of(place)
    return [str(each) for each in PRECISIONS].index(precision) if precision in PRECISIONS else 9


def _variants_of(models: Tuple[StudiedModel, ...]) -> Tuple[Variant, ...]:
    rows: Dict[Tuple[str, Optional[str], Optional[str]], List[StudiedModel]] = {}
    for model in models:
        rows.setdefault((model.model, model.pruning, model.arm), []).append(model)
    several = len({model.model for model in models}) > 1
    variants: List[Variant] = []
    for (name, pruning, arm), seeds in rows.items():
        family = " ".join([*([name] if several else []), pruning or WHOLE])
        label = family if arm is None else f"{family} {arm_in_words(arm)}"
        variants.append(Variant(label, family, tuple(seeds)))
    return tuple(variants)
