from __future__ import annotations

from collections import Counter
from typing import List, Optional

import pytest

from runtime.serving.round_robin import RoundRobin


class WorkSource:
    """Offers its own name, as often as it has something left."""

    def __init__(self, name: str, weight: int = 1, left: int = 1000) -> None:
        self.name = name
        self.weight = weight
        self.left = left

    def take(self) -> Optional[str]:
        if self.left == 0:
            return None
        self.left -= 1
        return self.name


def taken(turns: RoundRobin[str], count: int) -> List[Optional[str]]:
    return [turns.take() for _ in range(count)]


def test_equal_sources_alternate() -> None:
    turns = RoundRobin[str](WorkSource("a"))
    turns.add(WorkSource("b"))
    assert taken(turns, 4) == ["a", "b", "a", "b"]


def test_a_source_has_as_many_turns_per_round_as_it_weighs() -> None:
    turns = RoundRobin[str](WorkSource("a"))
    turns.add(WorkSource("b", weight=3))
    turns.add(WorkSource("c", weight=2))
    assert Counter(taken(turns, 60)) == {"a": 10, "b": 30, "c": 20}


def test_an_empty_source_costs_the_others_nothing() -> None:
    turns = RoundRobin[str](WorkSource("empty", weight=5, left=0))
    turns.add(WorkSource("b"))
    assert taken(turns, 3) == ["b", "b", "b"]


def test_a_source_that_ran_dry_has_its_turns_again_later() -> None:
    first = WorkSource("a", weight=2, left=1)
    turns = RoundRobin[str](first)
    turns.add(WorkSource("b"))
    assert taken(turns, 2) == ["a", "b"]
    first.left = 10
    assert taken(turns, 3) == ["a", "a", "b"]


def test_when_all_are_empty_there_is_nothing() -> None:
    turns = RoundRobin[str](WorkSource("a", left=0))
    turns.add(WorkSource("b", left=0))
    assert turns.take() is None


@pytest.mark.parametrize("asked_before", [0, 1, 2, 3])
def test_a_source_that_leaves_is_asked_no_more(asked_before: int) -> None:
    leaving = WorkSource("b", weight=2)
    turns = RoundRobin[str](WorkSource("a"))
    turns.add(leaving)
    turns.add(WorkSource("c"))
    taken(turns, asked_before)
    turns.remove(leaving)
    assert Counter(taken(turns, 10)) == {"a": 5, "c": 5}
