from __future__ import annotations

import threading
from functools import partial
from typing import Callable, Iterator, List

import pytest

from runtime.batch.slot_pool import PIECES_PER_SLOT, in_order
from runtime.errors import EngineFailed
from runtime.inference.segmenter import Segmenter
from tests.engines import segmenters


def test_results_come_in_order_although_work_ends_in_any() -> None:
    """The first piece waits for the second, which must therefore run beside it."""
    second_ended = threading.Event()

    def first(_: Segmenter) -> str:
        assert second_ended.wait(20)
        return "first"

    def second(_: Segmenter) -> str:
        second_ended.set()
        return "second"

    with in_order([first, second], segmenters(2)) as results:
        assert list(results) == ["first", "second"]


def test_no_slot_is_used_by_two_threads_and_all_are_used() -> None:
    slots = segmenters(3)
    together = threading.Barrier(3)
    in_use: List[Segmenter] = []

    def work(segmenter: Segmenter) -> int:
        assert segmenter not in in_use
        in_use.append(segmenter)
        together.wait(20)
        in_use.remove(segmenter)
        together.wait(20)
        return slots.index(segmenter)

    with in_order([work] * 9, slots) as results:
        assert sorted(results) == [0, 0, 0, 1, 1, 1, 2, 2, 2]


def test_work_is_drawn_as_it_is_needed() -> None:
    drawn = 0

    def endless() -> Iterator[Callable[[Segmenter], int]]:
        nonlocal drawn
        while True:
            drawn += 1
            yield partial(square, drawn)

    def square(number: int, _: Segmenter) -> int:
        return number * number

    with in_order(endless(), segmenters(2)) as results:
        assert [next(results) for _ in range(5)] == [1, 4, 9, 16, 25]
    assert drawn <= 5 + PIECES_PER_SLOT * 2


def test_a_failure_ends_the_work_and_is_raised() -> None:
    done = []

    def work(number: int, _: Segmenter) -> int:
        if number == 3:
            raise EngineFailed("the device fell off the bus", "Restart")
        done.append(number)
        return number

    works = (partial(work, number) for number in range(1000))
    with pytest.raises(EngineFailed), in_order(works, segmenters(2)) as results:
        list(results)
    assert len(done) <= 3 + PIECES_PER_SLOT * 2
