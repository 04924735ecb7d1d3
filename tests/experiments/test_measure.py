from __future__ import annotations

from typing import List

import pytest

from runtime.errors import InvalidInput
from runtime.experiments.measure import (
    Measure,
    best_of,
    clearly_faster,
    compared,
    exactly,
    fastest_of,
    measured,
)
from runtime.experiments.study.results import Speed


def speed(median: float, low: float) -> Speed:
    return Speed(median=median, low=low, high=median * 3, repetitions=9)


def test_several_values_have_a_mean_and_a_range() -> None:
    assert measured([0.5, 1.0, 0.75]) == Measure(0.75, 0.5, 1.0, 3)
    assert measured([0.1, 0.1, 0.1]) == Measure(0.1, 0.1, 0.1, 3)
    assert measured([]) is None


def test_a_mean_outside_of_its_range_is_refused() -> None:
    with pytest.raises(InvalidInput, match=r"range 0\.5 to"):
        Measure(0.7, 0.5, 0.6, 2)


@pytest.mark.parametrize(
    ("first", "second", "differs", "replicated"),
    [
        ([0.60, 0.62], [0.50, 0.51], True, True),
        ([0.60, 0.62], [0.60, 0.61], False, True),
        # The other one's seeds are further apart than the two means.
        ([0.600, 0.601], [0.50, 0.65], False, True),
        # With one seed on a side the spread of the other one is all that is known.
        ([0.60], [0.50, 0.51], True, False),
        ([0.60], [0.57, 0.61], False, False),
        ([0.601], [0.600], True, False),
        ([0.6], [0.6], False, False),
    ],
)
def test_means_differ_by_more_than_the_seeds_of_one_model(
    first: List[float], second: List[float], differs: bool, replicated: bool
) -> None:
    one, other = measured(first), measured(second)
    assert one is not None
    assert other is not None

    assert compared(one, other).differs == differs
    assert compared(other, one).differs == differs
    assert compared(one, other).replicated == replicated


def test_the_best_is_not_alone_where_the_next_does_not_differ() -> None:
    wide, narrow, low = measured([0.6, 0.7]), measured([0.63, 0.64]), measured([0.1, 0.11])

    assert best_of([low, wide, None, narrow]) == {1, 3}
    assert best_of([low, exactly(0.7), narrow]) == {1}
    assert best_of([low, wide, narrow], lower=True) == {0}


def test_nothing_is_best_without_something_worse() -> None:
    assert best_of([]) == set()
    assert best_of([None, exactly(1)]) == set()
    assert best_of([exactly(2), exactly(2)]) == set()


def test_numbers_that_look_alike_are_alike() -> None:
    alike = [exactly(0.29541), exactly(0.29549), exactly(0.2)]

    assert best_of(alike) == {1}
    assert best_of(alike, decimals=3) == {0, 1}


def test_a_speed_is_clear_when_it_is_below_the_range_of_the_other() -> None:
    assert clearly_faster(speed(10, 9), than=speed(12, 11))
    assert not clearly_faster(speed(11.5, 9), than=speed(12, 11))
    assert not clearly_faster(speed(12, 11), than=speed(10, 9))


def test_all_are_fastest_that_the_fastest_does_not_clearly_beat() -> None:
    slow, fast, hardly_slower = speed(20, 19), speed(10, 9), speed(10.5, 9.8)

    assert fastest_of([slow, fast, None, hardly_slower]) == {1, 3}
    assert fastest_of([fast, hardly_slower]) == set()
    assert fastest_of([None]) == set()
