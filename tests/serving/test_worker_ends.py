"""How a worker ends: the engine fails, or the daemon closes it."""

from __future__ import annotations

import threading
import time
from typing import List

import pytest

from runtime.errors import EngineFailed, Expired, Overloaded
from runtime.inference.segmenter import Segmenter
from runtime.serving.worker import Worker
from tests.engines import Gate, broken, segmenters
from tests.serving.workers import LONG, Camera, Counted, held, quick, working


@pytest.fixture
def counted() -> Counted:
    return Counted()


def fail(segmenter: Segmenter) -> None:
    broken()


def test_a_failed_engine_is_told_to_everybody_once_and_for_good(counted: Counted) -> None:
    gate = Gate()
    told: List[EngineFailed] = []

    def fail_in_gate(_segmenter: Segmenter) -> None:
        gate()
        broken()

    with Worker(segmenters(1), 4, counted.metrics, told.append) as worker:
        failing = worker.submit(fail_in_gate)
        gate.wait_for(1)
        behind = worker.submit(quick)
        gate.open()
        for answer in (failing, behind):
            with pytest.raises(EngineFailed, match="fell off the bus"):
                answer.result(LONG)
        with pytest.raises(EngineFailed):
            worker.submit(quick)
        with pytest.raises(EngineFailed):
            worker.submit(lambda _segmenter: None)
        assert worker.failure is not None
    assert [fault.problem for fault in told] == ["the device fell off the bus"]


def test_an_engine_that_fails_on_a_camera_frame_has_failed_for_all(counted: Counted) -> None:
    told = threading.Event()
    with Worker(segmenters(1), 4, counted.metrics, lambda _: told.set()) as worker:
        camera = Camera(shot=fail)
        worker.attach(camera)
        assert told.wait(LONG)
        with pytest.raises(EngineFailed):
            worker.submit(quick)
    assert camera.taken == 1


def test_closing_finishes_what_was_accepted_and_accepts_no_more(counted: Counted) -> None:
    gate = Gate()
    with working(counted) as worker:
        answers = [worker.submit(held(gate)) for _ in range(3)]
        gate.wait_for(1)
        closing = threading.Thread(target=worker.close, args=(LONG,))
        closing.start()
        while not refuses(worker):
            time.sleep(0.001)
        gate.open()
        closing.join(LONG)
        assert [answer.result(0) for answer in answers] == ["done"] * 3


def refuses(worker: Worker) -> bool:
    try:
        worker.submit(lambda _segmenter: None)
    except Overloaded as refusal:
        return "shutting down" in refusal.problem
    return False


def test_what_is_not_done_when_patience_ends_expires(counted: Counted) -> None:
    gate = Gate()
    with working(counted) as worker:
        stuck = worker.submit(held(gate))
        gate.wait_for(1)
        queued = worker.submit(quick)
        worker.close(drain=0.01)
        for answer in (stuck, queued):
            with pytest.raises(Expired, match="shutting down"):
                answer.result(LONG)
        gate.open()


def test_closing_leaves_no_thread_behind(counted: Counted) -> None:
    before = set(threading.enumerate())
    with working(counted, slots=4) as worker:
        worker.attach(Camera(frames=20))
        worker.submit(quick).result(LONG)
        assert len(set(threading.enumerate()) - before) == 4
    # A thread that an earlier test left behind may end meanwhile; none may be added.
    assert not set(threading.enumerate()) - before
