from __future__ import annotations

from typing import Iterator

import pytest

from tests.serving.api.live import HandMadeStream
from tests.serving.api.serving import Parts, Served, served
from tests.serving.tokens import asking


@pytest.fixture(scope="module")
def running() -> Iterator[Served]:
    stream = HandMadeStream("gate")
    stream.publish()
    with served(Parts(streams={"gate": stream})) as at_work:
        yield at_work


@pytest.mark.parametrize(
    "path",
    ["/", "/docs", "/engine", "/streams/gate/overlay", "/metrics", "/livez", "/nowhere", "/events"],
)
def test_every_answer_tells_browsers_not_to_guess_frame_or_tell(running: Served, path: str) -> None:
    with running.client.stream("GET", path) as answer:
        headers = answer.headers
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["X-Frame-Options"] == "DENY"
    assert headers["Referrer-Policy"] == "no-referrer"
    assert headers["Cross-Origin-Resource-Policy"] == "same-origin"
    assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]


def test_pages_keep_a_policy_of_their_own(running: Served) -> None:
    policies = running.client.get("/").headers.get_list("Content-Security-Policy")
    assert len(policies) == 1
    assert policies[0].startswith("default-src 'self';")
    assert (
        running.client.get("/engine")
        .headers["Content-Security-Policy"]
        .startswith("default-src 'none';")
    )


def test_refusals_have_them_too() -> None:
    with served(Parts(access=asking())) as running:
        answer = running.client.get("/engine")
    assert answer.status_code == 401
    assert answer.headers["X-Frame-Options"] == "DENY"
