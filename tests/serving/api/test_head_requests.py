from __future__ import annotations

from typing import Iterator

import pytest

from tests.serving.api.live import HandMadeStream
from tests.serving.api.serving import Parts, Served, raw_connection, served


@pytest.fixture(scope="module")
def running() -> Iterator[Served]:
    stream = HandMadeStream()
    stream.publish()
    with served(Parts(streams={"gate": stream})) as running:
        yield running
        stream.broadcast.close()


@pytest.mark.parametrize(
    "path",
    [
        *("/", "/docs", "/web/style.css", "/livez", "/readyz", "/metrics", "/engine", "/device"),
        *("/streams", "/streams/gate", "/streams/gate/overlay", "/streams/gate/mask"),
        *("/streams/gate/mask?format=gif", "/openapi.json", "/nothing", "/streams/nobody"),
    ],
)
def test_head_is_answered_as_get_is_without_a_body(running: Served, path: str) -> None:
    head, get = running.client.head(path), running.client.get(path)
    assert (head.status_code, head.content) == (get.status_code, b"")
    assert head.headers["Content-Type"] == get.headers["Content-Type"]
    if path not in ("/metrics", "/streams", "/streams/gate"):
        assert head.headers["Content-Length"] == get.headers["Content-Length"]


@pytest.mark.parametrize("path", ["/events", "/streams/gate/mjpeg"])
def test_head_of_what_has_no_end_ends(running: Served, path: str) -> None:
    with raw_connection(running) as connection:
        for _ in range(2):
            connection.sendall(f"HEAD {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
            head = connection.recv(4096)
            assert head.startswith(b"HTTP/1.1 200 ")
            assert head.endswith(b"\r\n\r\n")


def test_head_of_a_post_says_what_is_possible(running: Served) -> None:
    answer = running.client.head("/segment")
    assert (answer.status_code, answer.headers["Allow"]) == (405, "POST")


def test_what_is_possible_names_head(running: Served) -> None:
    answer = running.client.post("/livez")
    assert (answer.status_code, answer.headers["Allow"]) == (405, "GET, HEAD")


def test_head_is_counted_as_head(running: Served) -> None:
    running.client.head("/readyz")
    assert (running.answers("/readyz", "200", "HEAD") or 0) >= 1
