from __future__ import annotations

from concurrent.futures import Future

import pytest

from runtime.serving.request_queue import UNMEASURED_PACE, Request, RequestQueue


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def request() -> Request:
    return Request(lambda _: None, Future(), deadline=None, source="http")


def filled(clock: Clock, length: int) -> RequestQueue:
    queue = RequestQueue(length, clock)
    for _ in range(length):
        queue.put(request())
    return queue


def test_first_come_first_served() -> None:
    queue = RequestQueue(2)
    first, second = request(), request()
    queue.put(first)
    queue.put(second)
    assert (queue.take(), queue.take(), queue.take()) == (first, second, None)


def test_what_nobody_waits_for_can_be_taken_out() -> None:
    queue = RequestQueue(3)
    requests = [request() for _ in range(3)]
    for one in requests:
        queue.put(one)
    requests[1].answer.cancel()
    assert queue.take_cancelled() == [requests[1]]
    assert queue.take_all() == [requests[0], requests[2]]
    assert len(queue) == 0


def test_before_anything_was_measured_a_place_is_assumed_to_take_a_moment() -> None:
    assert filled(Clock(), 8).overloaded().retry_after == pytest.approx(8 * UNMEASURED_PACE)


def test_retry_after_is_the_queue_times_the_pace_at_which_it_moves() -> None:
    clock = Clock()
    queue = filled(clock, 200)
    for _ in range(190):
        queue.take()
        clock.now += 0.04
    assert queue.overloaded().retry_after == pytest.approx(10 * 0.04, rel=1e-3)


def test_time_in_which_nothing_waited_is_not_taken_for_slowness() -> None:
    clock = Clock()
    queue = filled(clock, 100)
    for _ in range(100):
        queue.take()
        clock.now += 0.04
    clock.now += 3600
    queue.put(request())
    queue.take()
    queue.put(request())
    assert queue.overloaded().retry_after == pytest.approx(0.04, rel=1e-3)
