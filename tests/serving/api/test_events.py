from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Iterator

import httpx

from tests.engines import Gate
from tests.serving.api.live import HandMadeStream
from tests.serving.api.serving import Parts, served


def reports(answer: httpx.Response) -> Iterator[Any]:
    for line in answer.iter_lines():
        if line:
            assert line.startswith("data: ")
            yield json.loads(line[len("data: ") :])


def test_reports_tell_of_streams_and_of_requests_that_wait() -> None:
    gate, stream = Gate(), HandMadeStream()
    with served(Parts(before_run=gate, streams={"gate": stream})) as running:
        held = [running.worker.submit(lambda _: gate()) for _ in range(3)]
        gate.wait_for(1)
        with running.client.stream("GET", "/events") as answer:
            assert answer.headers["Content-Type"].startswith("text/event-stream")
            told = reports(answer)
            first = next(told)
            assert first["requests"] == {"waiting": 2}
            assert first["streams"] == [running.client.get("/streams/gate").json()]
            gate.open()
            for answered in held:
                answered.result(20)
            while next(told)["requests"]["waiting"]:
                continue


def test_reports_end_when_the_daemon_drains() -> None:
    with served() as running, running.client.stream("GET", "/events") as answer:
        told = reports(answer)
        next(told)
        running.health.drain()
        assert all(report["streams"] == [] for report in told)


def test_many_pages_may_listen() -> None:
    with served() as running, ThreadPoolExecutor(5) as pool:

        def listen(_: int) -> Any:
            with running.client.stream("GET", "/events") as answer:
                return next(reports(answer))

        assert list(pool.map(listen, range(5))) == [{"streams": [], "requests": {"waiting": 0}}] * 5
