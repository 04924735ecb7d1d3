from __future__ import annotations

from itertools import product
from typing import List, Optional, Sequence

import numpy as np
import pytest

from runtime.builder.pruning.knapsack import Option, cheapest


def problem(seed: int) -> List[List[Option]]:
    """Four groups with the whole width and up to three narrower ones, in whole milliseconds."""
    random = np.random.default_rng(seed)
    groups: List[List[Option]] = []
    for _ in range(4):
        count = int(random.integers(1, 4))
        saved = np.sort(random.integers(0, 9, count))
        lost = np.cumsum(random.uniform(0, 5, count))
        narrower = [
            Option(8 - number, float(saved[number]), float(lost[number])) for number in range(count)
        ]
        groups.append([Option(9, 0.0, 0.0), *narrower])
    return groups


def least_loss(groups: Sequence[Sequence[Option]], target: float) -> Optional[float]:
    """By trying everything."""
    enough = [
        sum(option.lost for option in options)
        for options in product(*groups)
        if sum(option.saved for option in options) >= target
    ]
    return min(enough, default=None)


@pytest.mark.parametrize("seed", range(25))
def test_finds_what_trying_everything_finds(seed: int) -> None:
    groups = problem(seed)
    most = int(sum(max(option.saved for option in options) for options in groups))
    for target in {1, max(1, most // 3), max(1, most // 2), max(1, most)}:
        # Half a millisecond below a whole one, so that rounding down cannot miss it.
        found = cheapest(groups, target - 0.5)
        assert found is not None
        assert sum(option.saved for option in found) >= target - 0.5
        assert sum(option.lost for option in found) == pytest.approx(
            least_loss(groups, target - 0.5)
        )
        assert all(option in options for option, options in zip(found, groups))


def test_says_when_the_target_is_out_of_reach() -> None:
    groups = problem(1)
    most = sum(max(option.saved for option in options) for options in groups)
    assert cheapest(groups, most + 1e-3) is None


def test_reaches_exactly_what_can_be_reached() -> None:
    thirds = [[Option(2, 0, 0), Option(1, 1 / 3, 1.0)] for _ in range(3)]
    found = cheapest(thirds, sum(1 / 3 for _ in range(3)))
    assert found is not None
    assert [option.width for option in found] == [1, 1, 1]


def test_saves_more_than_asked_where_that_costs_less() -> None:
    found = cheapest([[Option(3, 0, 0), Option(2, 1, 5.0), Option(1, 9, 2.0)]], 1.0)
    assert found == (Option(1, 9, 2.0),)
