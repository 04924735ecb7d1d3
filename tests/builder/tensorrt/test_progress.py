from __future__ import annotations

from typing import List

import pytest

from runtime.builder.tensorrt.progress import PARTS, BuildProgress


class Counter:
    def __init__(self) -> None:
        self.parts = 0

    def __call__(self) -> None:
        self.parts += 1


def test_a_phase_within_a_step_counts_for_its_part_of_that_step() -> None:
    counter = Counter()
    progress = BuildProgress(counter)
    progress.started("build", None, 4)
    assert progress.stepped("build", 0)
    assert counter.parts == PARTS / 4
    progress.started("tactics", "build", 2)
    assert progress.stepped("tactics", 0)
    assert counter.parts == int(PARTS / 4 + PARTS / 8)


def test_it_never_goes_back_though_phases_are_run_again() -> None:
    counter = Counter()
    progress = BuildProgress(counter)
    progress.started("build", None, 2)
    told: List[int] = []
    for _ in range(3):
        progress.started("reformats", "build", 5)
        for step in range(5):
            progress.stepped("reformats", step)
            told.append(counter.parts)
        progress.finished("reformats")
    assert told == sorted(told)
    assert told[-1] == PARTS / 2


def test_it_ends_at_the_whole_whatever_is_reported() -> None:
    counter = Counter()
    progress = BuildProgress(counter)
    progress.started("build", None, 0)
    for step in range(5):
        assert progress.stepped("build", step)
    assert progress.stepped("a phase nobody announced", 9)
    assert counter.parts == PARTS


def test_what_a_listener_raises_stops_the_build_and_waits_for_its_caller() -> None:
    def interrupted() -> None:
        raise KeyboardInterrupt

    progress = BuildProgress(interrupted)
    progress.started("build", None, 2)
    assert not progress.stepped("build", 0)
    assert not progress.stepped("build", 1)
    with pytest.raises(KeyboardInterrupt):
        progress.raise_error()
