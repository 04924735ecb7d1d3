from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from tests.engines import Gate, broken
from tests.serving.api.serving import (
    Parts,
    Served,
    image,
    raw_connection,
    served,
    upload_head,
)
from tests.waiting import wait_until


@pytest.mark.parametrize(("slots", "queue", "beyond"), [(1, 0, 3), (2, 4, 20)])
def test_beyond_its_capacity_the_daemon_refuses_at_once_and_serves_the_rest(
    slots: int, queue: int, beyond: int
) -> None:
    gate = Gate()
    parts = Parts(slots=slots, before_run=gate, settings={"queue": queue, "place_seconds": 0.0})
    capacity = slots + queue
    with served(parts) as running, ThreadPoolExecutor(capacity) as pool:
        accepted = [pool.submit(post, running) for _ in range(capacity)]
        gate.wait_for(slots)
        wait_until(lambda: running.worker.waiting == queue)
        refused = [post(running) for _ in range(beyond)]
        gate.open()
        assert [answer.result().status_code for answer in accepted] == [200] * capacity
        assert [answer.status_code for answer in refused] == [503] * beyond
        assert {int(answer.headers["Retry-After"]) >= 1 for answer in refused} == {True}
        assert {list(answer.json()) == ["error"] for answer in refused} == {True}
        assert post(running).status_code == 200
        assert running.answers("/segment", "503", "POST") == beyond
        assert running.work("ok") == capacity + 1


def test_a_request_that_finds_no_place_waits_for_one_and_is_counted() -> None:
    gate = Gate()
    parts = Parts(before_run=gate, settings={"queue": 0, "place_seconds": 20.0})
    with served(parts) as running, ThreadPoolExecutor(2) as pool:
        accepted = pool.submit(post, running)
        gate.wait_for(1)
        waiting = pool.submit(post, running)
        wait_until(lambda: running.value("door_depth") == 1)
        gate.open()
        assert [answer.result().status_code for answer in (accepted, waiting)] == [200, 200]
        assert running.value("door_depth") == 0


def test_a_body_that_is_slow_to_arrive_holds_no_place_meanwhile() -> None:
    parts = Parts(settings={"queue": 0, "place_seconds": 20.0})
    with served(parts) as running, raw_connection(running) as slow:
        body = image()
        slow.sendall(upload_head(len(body)) + body[:10])
        assert [post(running).status_code for _ in range(3)] == [200] * 3
        slow.sendall(body[10:])
        assert slow.recv(100).startswith(b"HTTP/1.1 200 ")


def post(running: Served) -> httpx.Response:
    return running.client.post("/segment", content=image())


def test_a_full_queue_refuses_before_the_body_is_sent() -> None:
    gate = Gate()
    with served(
        Parts(before_run=gate, settings={"queue": 0, "place_seconds": 0.0})
    ) as running, ThreadPoolExecutor(1) as pool:
        accepted = pool.submit(post, running)
        gate.wait_for(1)
        with raw_connection(running) as connection:
            connection.sendall(upload_head(1000))
            assert connection.recv(100).startswith(b"HTTP/1.1 503 ")
        gate.open()
        assert accepted.result().status_code == 200


def test_work_of_a_client_that_left_is_not_begun() -> None:
    gate = Gate()
    with served(Parts(before_run=gate)) as running, ThreadPoolExecutor(1) as pool:
        accepted = pool.submit(post, running)
        gate.wait_for(1)
        with raw_connection(running) as connection:
            connection.sendall(upload_head(len(image())) + image())
            wait_until(lambda: running.worker.waiting == 1)
        wait_until(lambda: running.answers("/segment", "499", "POST") == 1)
        gate.open()
        assert accepted.result().status_code == 200
        assert post(running).status_code == 200
        assert (running.work("cancelled"), running.work("ok")) == (1, 2)


def test_a_request_that_waited_too_long_is_dropped_unserved() -> None:
    gate = Gate()
    parts = Parts(settings={"request_seconds": 0.001})
    with served(parts) as running, ThreadPoolExecutor(1) as pool:
        running.worker.submit(lambda _: gate())
        gate.wait_for(1)
        late = pool.submit(post, running)
        wait_until(lambda: running.worker.waiting == 1)
        time.sleep(0.01)
        gate.open()
        assert late.result().status_code == 503
        assert late.result().headers["Retry-After"] == "1"
        assert running.work("expired") == 1


def test_an_engine_that_failed_is_no_client_fault() -> None:
    with served(Parts(before_run=broken)) as running:
        answers = [post(running) for _ in range(2)]
        assert [answer.status_code for answer in answers] == [503, 503]
        assert "fell off the bus" in answers[0].json()["error"]
        assert len(running.failures) == 1


def test_while_draining_new_requests_are_sent_elsewhere() -> None:
    with served() as running:
        running.health.drain()
        answer = post(running)
        assert answer.status_code == 503
        assert "shutting down" in answer.json()["error"]
