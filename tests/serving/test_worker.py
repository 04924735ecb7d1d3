from __future__ import annotations

import threading
import time
from collections import Counter
from typing import List

import pytest

from runtime.errors import Expired, InvalidInput, Overloaded
from runtime.inference.segmenter import Segmenter
from runtime.serving.worker import Worker
from tests.engines import Gate
from tests.serving.workers import LONG, Camera, Counted, held, quick, working


@pytest.fixture
def counted() -> Counted:
    return Counted()


def overloads(worker: Worker) -> Overloaded:
    with pytest.raises(Overloaded) as refusal:
        worker.submit(quick)
    return refusal.value


def test_work_runs_on_a_slot_and_its_value_comes_back(counted: Counted) -> None:
    with working(counted) as worker:
        assert worker.submit(lambda segmenter: segmenter.manifest.name).result(LONG) == (
            "dark-or-bright"
        )
    assert counted["ok"] == 1


def test_an_exception_comes_back_and_the_thread_lives_on(counted: Counted) -> None:
    def refuse(_segmenter: Segmenter) -> None:
        raise InvalidInput("it is no image", "Send one")

    with working(counted) as worker:
        with pytest.raises(InvalidInput, match="no image"):
            worker.submit(refuse).result(LONG)
        assert worker.submit(quick).result(LONG) == "done"
        assert worker.failure is None
    assert (counted["error"], counted["ok"]) == (1, 1)


def test_every_slot_works_at_the_same_time(counted: Counted) -> None:
    gate = Gate()
    with working(counted, slots=3) as worker:
        answers = [worker.submit(held(gate)) for _ in range(3)]
        gate.wait_for(3)
        gate.open()
        assert [answer.result(LONG) for answer in answers] == ["done"] * 3


@pytest.mark.parametrize(("slots", "capacity"), [(1, 0), (1, 4), (3, 0), (2, 5)])
def test_slots_and_places_are_accepted_and_not_one_more(
    counted: Counted, slots: int, capacity: int
) -> None:
    gate = Gate()
    with working(counted, slots, capacity) as worker:
        # Without waiting for the threads to wake: an idle slot counts as a place at once.
        accepted = [worker.submit(held(gate)) for _ in range(slots + capacity)]
        overloads(worker)
        gate.wait_for(slots)
        overloads(worker)
        with pytest.raises(Overloaded):
            worker.submit(lambda _segmenter: None)
        gate.open()
        assert all(answer.result(LONG) == "done" for answer in accepted)
        assert worker.submit(quick).result(LONG) == "done"
    assert (counted["rejected"], counted["ok"]) == (3, slots + capacity + 1)


def test_a_client_may_send_its_next_request_the_moment_it_has_its_answer(counted: Counted) -> None:
    with working(counted, slots=1, capacity=0) as worker:
        for _ in range(200):
            worker.submit(quick).result(LONG)
    assert counted["rejected"] == 0


def test_what_waited_past_its_deadline_is_not_begun(counted: Counted) -> None:
    gate, begun = Gate(), threading.Event()
    with working(counted) as worker:
        worker.submit(held(gate))
        gate.wait_for(1)
        late = worker.submit(lambda _: begun.set(), deadline=time.monotonic() - 0.001)
        in_time = worker.submit(quick, deadline=time.monotonic() + LONG)
        gate.open()
        with pytest.raises(Expired):
            late.result(LONG)
        assert in_time.result(LONG) == "done"
    assert not begun.is_set()
    assert counted["expired"] == 1


def test_cancelled_work_is_not_begun(counted: Counted) -> None:
    gate, begun = Gate(), threading.Event()
    with working(counted) as worker:
        worker.submit(held(gate))
        gate.wait_for(1)
        gone = worker.submit(lambda _: begun.set())
        assert gone.cancel()
        gate.open()
        assert worker.submit(quick).result(LONG) == "done"
    assert not begun.is_set()
    assert counted["cancelled"] == 1


def test_cancelled_work_makes_room_in_a_full_queue(counted: Counted) -> None:
    gate = Gate()
    with working(counted, capacity=2) as worker:
        worker.submit(held(gate))
        gate.wait_for(1)
        first, _ = worker.submit(quick), worker.submit(quick)
        overloads(worker)
        first.cancel()
        assert worker.waiting == 2
        third = worker.submit(quick)
        assert worker.waiting == 2
        gate.open()
        assert third.result(LONG) == "done"
    assert counted["cancelled"] == 1


def test_requests_and_cameras_take_turns_by_weight(counted: Counted) -> None:
    order: List[str] = []
    gate = Gate()
    cameras = [
        Camera(weight=1, shot=lambda _: order.append("camera 1")),
        Camera(weight=2, shot=lambda _: order.append("camera 2")),
    ]
    with working(counted, capacity=10) as worker:
        worker.submit(held(gate))
        gate.wait_for(1)
        requests = [worker.submit(lambda _: order.append("request")) for _ in range(10)]
        for camera in cameras:
            worker.attach(camera)
        gate.open()
        for request in requests:
            request.result(LONG)
        for camera in cameras:
            worker.detach(camera)
    until_last_request = order[: len(order) - order[::-1].index("request")]
    turns = Counter(until_last_request)
    assert turns["request"] == 10
    assert turns["camera 1"] in (9, 10)
    assert turns["camera 2"] in (18, 19, 20)


def test_a_camera_is_asked_when_it_wakes_the_worker(counted: Counted) -> None:
    seen = threading.Semaphore(0)
    camera = Camera(frames=0, shot=lambda _: seen.release())
    with working(counted) as worker:
        worker.attach(camera)
        for _ in range(3):
            camera.frames += 1
            worker.wake()
            assert seen.acquire(timeout=LONG)
    assert counted.ended("stream", "ok") == 3


def test_a_camera_that_left_is_asked_no_more(counted: Counted) -> None:
    with working(counted) as worker:
        camera = Camera(frames=0)
        worker.attach(camera)
        worker.detach(camera)
        camera.frames = 5
        worker.wake()
        worker.submit(quick).result(LONG)
    assert camera.taken == 0


def test_a_camera_frame_that_fails_is_counted_and_the_thread_lives_on(counted: Counted) -> None:
    def spoil(_segmenter: Segmenter) -> None:
        raise InvalidInput("the frame is torn", "Look at the cable")

    with working(counted) as worker:
        worker.attach(Camera(frames=1, shot=spoil))
        assert worker.submit(quick).result(LONG) == "done"
    assert counted.ended("stream", "error") == 1


def test_the_queue_can_be_watched(counted: Counted) -> None:
    gate = Gate()
    with working(counted, capacity=3) as worker:
        worker.submit(held(gate))
        gate.wait_for(1)
        worker.submit(quick)
        assert counted.registry.get_sample_value("swiftnet_queue_depth") == 1
        assert counted.registry.get_sample_value("swiftnet_queue_capacity") == 3
        gate.open()
