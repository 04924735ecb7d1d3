"""Connections that cost too much, against the real server."""

from __future__ import annotations

import socket
import time
from contextlib import ExitStack, contextmanager
from typing import Any, Iterator, List, Tuple
from urllib.parse import urlsplit

import pytest
from starlette.types import Receive, Scope, Send

from runtime.serving.http_protocol import ConnectionLimits
from runtime.serving.http_server import HttpServer
from tests.waiting import wait_until

BODY = b"x" * (1 << 25)
Reasons = List[str]


async def app(scope: Scope, receive: Receive, send: Send) -> None:
    body = BODY if scope["path"] == "/large" else b"ok"
    length = (b"content-length", str(len(body)).encode())
    await send({"type": "http.response.start", "status": 200, "headers": [length]})
    await send({"type": "http.response.body", "body": body})


@contextmanager
def serving(**limits: Any) -> Iterator[Tuple[str, int, Reasons]]:
    reasons: Reasons = []
    with HttpServer("127.0.0.1", 0, None, ConnectionLimits(**limits), reasons.append) as server:
        server.start(app, on_death=lambda: None)
        address = urlsplit(server.url)
        yield str(address.hostname), int(address.port or 0), reasons


def everything(connection: socket.socket) -> bytes:
    received = b""
    while True:
        piece = connection.recv(1 << 16)
        if not piece:
            return received
        received += piece


def connected(host: str, port: int) -> socket.socket:
    return socket.create_connection((host, port), 20)


GET = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
GET_LARGE = b"GET /large HTTP/1.1\r\nHost: x\r\n\r\n"


def test_requests_within_the_bounds_are_answered_one_after_another() -> None:
    with serving(head_bytes=100, pipelined=4) as (host, port, reasons):
        with connected(host, port) as connection:
            for _ in range(20):
                connection.sendall(GET)
                assert connection.recv(1 << 16).startswith(b"HTTP/1.1 200 ")
        assert reasons == []


@pytest.mark.parametrize("head", [b"A: " + b"x" * 5000, b"GET /" + b"y" * 5000])
def test_a_head_that_does_not_end_is_cut_off(head: bytes) -> None:
    with serving(head_bytes=4096) as (host, port, reasons):
        with connected(host, port) as connection:
            start = b"" if head.startswith(b"GET") else b"GET / HTTP/1.1\r\n"
            connection.sendall(start + head)
            assert everything(connection).startswith(b"HTTP/1.1 431 ")
        assert reasons == ["head_bytes"]


@pytest.mark.parametrize("sent", [b"", b"GET / HT", b"GET / HTTP/1.1\r\nHost: x\r\nA"])
def test_a_head_that_is_slow_is_not_waited_for(sent: bytes) -> None:
    with serving(head_seconds=0.05) as (host, port, reasons):
        with connected(host, port) as connection:
            connection.sendall(sent)
            assert everything(connection).startswith(b"HTTP/1.1 408 ")
        assert reasons == ["head_seconds"]


def test_a_slow_body_is_not_the_heads_business() -> None:
    with serving(head_seconds=0.05) as (host, port, reasons):
        with connected(host, port) as connection:
            connection.sendall(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n")
            assert connection.recv(1 << 16).startswith(b"HTTP/1.1 200 ")
        assert reasons == []


@pytest.mark.parametrize(
    ("limits", "reason"),
    [({"client_connections": 2}, "client_connections"), ({"connections": 2}, "connections")],
)
def test_more_connections_than_allowed_are_told_so(limits: Any, reason: str) -> None:
    with serving(**limits) as (host, port, reasons), ExitStack() as opened:

        def connect() -> socket.socket:
            connection = opened.enter_context(connected(host, port))
            connection.sendall(GET)
            return connection

        kept = [connect() for _ in range(2)]
        assert [one.recv(1 << 16)[:13] for one in kept] == [b"HTTP/1.1 200 "] * 2
        assert connect().recv(1 << 16).startswith(b"HTTP/1.1 503 ")
        assert reasons == [reason]
        kept[0].close()

        def answered() -> bool:
            return connect().recv(1 << 16).startswith(b"HTTP/1.1 200 ")

        wait_until(answered)


def test_an_answer_that_is_read_slowly_arrives_whole() -> None:
    with serving(unread_seconds=1.0) as (host, port, reasons), connected(host, port) as client:
        client.sendall(GET_LARGE)
        received = b""
        while len(received) < len(BODY):
            received += client.recv(1 << 21, socket.MSG_WAITALL)
            time.sleep(0.1)
        assert reasons == []


def test_an_answer_that_nobody_reads_is_given_up() -> None:
    with serving(unread_seconds=0.05) as (host, port, reasons), connected(host, port) as client:
        client.sendall(GET_LARGE)
        wait_until(lambda: reasons == ["unread_answer"])


def test_requests_beyond_those_that_may_be_pipelined_end_the_connection() -> None:
    with serving(pipelined=3) as (host, port, reasons), connected(host, port) as client:
        client.sendall(GET_LARGE + GET * 100)
        wait_until(lambda: reasons[:1] == ["pipelined"])
