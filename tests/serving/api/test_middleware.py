from __future__ import annotations

import logging
import re
from typing import Iterator

import pytest

from runtime.serving.api.middleware import note_request_id, request_id
from tests.serving.api.serving import Served, image, served


@pytest.fixture
def running() -> Iterator[Served]:
    with served() as at_work:
        yield at_work


def test_every_answer_carries_an_id(running: Served) -> None:
    ids = {running.client.get("/livez").headers["X-Request-Id"] for _ in range(5)}
    assert len(ids) == 5
    assert all(re.fullmatch(r"[0-9a-f]{16}", number) for number in ids)


def test_a_client_may_bring_its_own_id(running: Served) -> None:
    answer = running.client.get("/livez", headers={"X-Request-Id": "trace-7.a"})
    assert answer.headers["X-Request-Id"] == "trace-7.a"


@pytest.mark.parametrize("hostile", ["a b", "x" * 65, "<script>", ""])
def test_an_id_that_could_do_harm_is_replaced(running: Served, hostile: str) -> None:
    answer = running.client.get("/livez", headers={"X-Request-Id": hostile})
    assert re.fullmatch(r"[0-9a-f]{16}", answer.headers["X-Request-Id"])


def test_the_log_tells_which_request_it_is_about() -> None:
    record = logging.makeLogRecord({})
    token = request_id.set("trace-7")
    assert note_request_id(record)
    request_id.reset(token)
    assert record.__dict__["request_id"] == "trace-7"


def test_requests_are_counted_by_route_and_not_by_address(running: Served) -> None:
    for path in ("/streams/a", "/streams/b", "/wp-admin.php", "/.env"):
        running.client.get(path)
    running.client.request("PROPFIND", "/coffee")
    running.client.post("/segment", content=image())
    running.client.post("/segment", content=b"no image")
    assert running.answers("/streams/{stream}", "404") == 2
    assert running.answers("unmatched", "404") == 2
    assert running.answers("unmatched", "404", method="other") == 1
    assert running.answers("/segment", "200", method="POST") == 1
    assert running.answers("/segment", "415", method="POST") == 1
    assert running.value("http_request_duration_seconds_count", route="/segment") == 2


def test_every_route_is_counted_from_zero(running: Served) -> None:
    assert running.answers("/engine", "200") == 0
    assert running.answers("/streams/{stream}/mjpeg", "200") == 0
    assert running.answers("/segment", "503", method="POST") == 0
