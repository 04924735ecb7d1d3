"""A number that was measured once or from several seeds, and what two of them allow to say."""

from __future__ import annotations

from dataclasses import dataclass
from typing import FrozenSet, Optional, Sequence

from runtime.errors import InvalidInput
from runtime.experiments.study.results import Speed


@dataclass(frozen=True)
class Measure:
    """The mean of `count` values and the range that they lie in.

    Attributes:
        mean, low, high: in the unit of the values.
        count: how many there are; with one, nothing is known of their spread.
    """

    mean: float
    low: float
    high: float
    count: int = 1

    def __post_init__(self) -> None:
        if self.count < 1 or not self.low <= self.mean <= self.high:
            raise InvalidInput(
                f"{self.count} values have the mean {self.mean:g} and the range {self.low:g} to "
                f"{self.high:g}",
                "Measure again",
            )

    @property
    def spread(self) -> Optional[float]:
        """The range's length; None of a single value."""
        return self.high - self.low if self.count > 1 else None


def measured(values: Sequence[float]) -> Optional[Measure]:
    """The measure of these values; None if there are none."""
    if not values:
        return None
    low, high = min(values), max(values)
    # The mean of equal numbers may be an ulp outside of them.
    return Measure(min(max(sum(values) / len(values), low), high), low, high, len(values))


def exactly(value: float) -> Measure:
    """A single value."""
    return Measure(value, value, value)


@dataclass(frozen=True)
class Comparison:
    """How far one measure is from another.

    Attributes:
        difference: of the means.
        spread: the larger of the two, of those that are known; None if neither is.
        replicated: whether both come from several seeds.
    """

    difference: float
    spread: Optional[float]
    replicated: bool

    @property
    def differs(self) -> bool:
        """Whether the means are further apart than either one's seeds are from each other.

        With a single seed on both sides any distance counts; `replicated` says what it is worth.
        """
        return abs(self.difference) > (self.spread or 0.0)


def compared(measure: Measure, with_: Measure) -> Comparison:
    """`measure` minus `with_`.

    Args:
        measure: of one model.
        with_: of the other.
    """
    known = [each.spread for each in (measure, with_) if each.spread is not None]
    return Comparison(measure.mean - with_.mean, max(known, default=None), len(known) == 2)


def best_of(
    measures: Sequence[Optional[Measure]], lower: bool = False, decimals: int = 12
) -> FrozenSet[int]:
    """Positions of the best measure and of all that do not differ from it.

    Nothing is best among fewer than two measures, or where all are equally good.

    Args:
        measures: None where nothing was measured.
        lower: whether a lower number is better.
        decimals: that are shown: means that look alike are alike.
    """
    present = {index: each for index, each in enumerate(measures) if each is not None}
    if not present:
        return frozenset()
    best = (min if lower else max)(present.values(), key=lambda measure: measure.mean)
    chosen = frozenset(
        index
        for index, each in present.items()
        if round(each.mean, decimals) == round(best.mean, decimals)
        or not compared(each, best).differs
    )
    return chosen if len(chosen) < len(present) else frozenset()


def clearly_faster(speed: Speed, than: Speed) -> bool:
    """Whether its median is below the whole range of the other's repetitions.

    Whatever disturbs a measurement makes it slower, so the lower end is the one to trust.

    Args:
        speed: of one model.
        than: the other's speed, on the same machine.
    """
    return speed.median < than.low


def fastest_of(speeds: Sequence[Optional[Speed]]) -> FrozenSet[int]:
    """Positions of the fastest and of all that it is not clearly faster than; as `best_of`."""
    present = {index: each for index, each in enumerate(speeds) if each is not None}
    if not present:
        return frozenset()
    best = min(present.values(), key=lambda speed: speed.median)
    chosen = frozenset(i for i, each in present.items() if not clearly_faster(best, each))
    return chosen if len(chosen) < len(present) else frozenset()
