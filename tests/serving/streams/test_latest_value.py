from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

from runtime.serving.streams.latest_value import LatestValue


def test_the_newest_value_wins_and_the_lost_ones_are_counted() -> None:
    box: LatestValue[int] = LatestValue()
    assert [box.put(value) for value in (1, 2, 3)] == [False, True, True]
    assert box.take() == 3
    assert box.take() is None
    assert box.dropped == 2


def test_a_taken_value_was_not_dropped() -> None:
    box: LatestValue[int] = LatestValue()
    for value in range(5):
        box.put(value)
        assert box.take() == value
    assert box.dropped == 0


def test_a_taker_waits_for_the_next_value() -> None:
    box: LatestValue[str] = LatestValue()
    with ThreadPoolExecutor(1) as threads:
        taken = threads.submit(box.take, None)
        box.put("frame")
        assert taken.result(20) == "frame"


def test_nothing_in_time_is_nothing() -> None:
    assert LatestValue[int]().take(timeout=0.001) is None


def test_closing_wakes_every_waiter() -> None:
    box: LatestValue[int] = LatestValue()
    ready = threading.Barrier(4)

    def wait() -> object:
        ready.wait(20)
        return box.take(None)

    with ThreadPoolExecutor(3) as threads:
        waiting = [threads.submit(wait) for _ in range(3)]
        ready.wait(20)
        box.close()
        assert [future.result(20) for future in waiting] == [None, None, None]


def test_a_closed_box_is_empty_and_stays_so() -> None:
    box: LatestValue[int] = LatestValue()
    box.put(1)
    box.close()
    assert box.closed
    assert not box.put(2)
    assert box.take(None) is None
    assert box.dropped == 0


def test_every_value_is_taken_or_counted_when_many_put_and_take() -> None:
    box: LatestValue[int] = LatestValue()
    values = range(2000)

    def take_all() -> int:
        count = 0
        while box.take(None) is not None:
            count += 1
        return count

    with ThreadPoolExecutor(4) as threads:
        takers = [threads.submit(take_all) for _ in range(2)]
        for putter in [threads.submit(lambda: [box.put(v) for v in values]) for _ in range(2)]:
            putter.result(20)
        left = box.take()
        box.close()
        taken = sum(taker.result(20) for taker in takers) + (left is not None)
    assert taken + box.dropped == 2 * len(values)
