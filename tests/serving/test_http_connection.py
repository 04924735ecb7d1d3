from __future__ import annotations

import asyncio
import socket
import threading
from contextlib import contextmanager
from typing import Iterator, List

import pytest
from starlette.types import ASGIApp, Receive, Scope, Send

from runtime.serving.http_server import HttpServer

LONG = b"x" * 10_000_000


@contextmanager
def connection_to(app: ASGIApp) -> Iterator[socket.socket]:
    with HttpServer("127.0.0.1", 0) as server:
        server.start(app, on_death=lambda: None)
        port = int(server.url.rsplit(":", 1)[1])
        with socket.create_connection(("127.0.0.1", port), timeout=20) as connection:
            yield connection


def read_to_the_end(connection: socket.socket) -> bytes:
    return b"".join(iter(lambda: connection.recv(65536), b""))


async def echo(scope: Scope, receive: Receive, send: Send) -> None:
    """Answers, after a while, with the body, in two pieces without a length."""
    body, more = b"", True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            return
        body, more = body + message.get("body", b""), message.get("more_body", False)
    await asyncio.sleep(0.3)
    await send({"type": "http.response.start", "status": 200, "headers": []})
    for piece, more in ((body[:2], True), (body[2:], False)):
        await send({"type": "http.response.body", "body": piece, "more_body": more})


async def refuse(scope: Scope, receive: Receive, send: Send) -> None:
    """Answers before the body is read."""
    headers = [(b"content-length", b"2")]
    await send({"type": "http.response.start", "status": 413, "headers": headers})
    await send({"type": "http.response.body", "body": b"no"})


def post(body: bytes, version: str = "1.1", *headers: str) -> bytes:
    lines = [f"POST / HTTP/{version}", "Host: x", f"Content-Length: {len(body)}", *headers]
    return "\r\n".join([*lines, "", ""]).encode() + body


@pytest.mark.parametrize("version", ["1.0", "1.1"])
def test_a_client_that_closed_its_half_is_answered(version: str) -> None:
    with connection_to(echo) as connection:
        connection.sendall(post(b"hello", version))
        connection.shutdown(socket.SHUT_WR)
        answer = read_to_the_end(connection)
    final = answer[answer.index(b"HTTP/1.1 200") :]
    assert b"he" in final
    assert b"llo" in final


def test_every_request_of_a_half_closed_connection_is_answered() -> None:
    with connection_to(echo) as connection:
        connection.sendall(post(b"first") + post(b"second") + post(b"third"))
        connection.shutdown(socket.SHUT_WR)
        answer = read_to_the_end(connection)
    assert answer.count(b"HTTP/1.1 200 OK") == 3


def test_a_body_that_breaks_off_is_not_answered() -> None:
    with connection_to(echo) as connection:
        connection.sendall(post(b"hello")[:-1])
        connection.shutdown(socket.SHUT_WR)
        assert read_to_the_end(connection) == b""


def test_a_client_that_left_is_noticed() -> None:
    gone = threading.Event()

    async def wait(scope: Scope, receive: Receive, send: Send) -> None:
        while (await receive())["type"] != "http.disconnect":
            continue
        gone.set()

    with connection_to(wait) as connection:
        connection.sendall(post(b"hello"))
        connection.close()
        assert gone.wait(20)


def test_http_1_0_gets_no_chunks() -> None:
    with connection_to(echo) as connection:
        connection.sendall(post(b"hello", "1.0"))
        head, _, body = read_to_the_end(connection).partition(b"\r\n\r\n")
    assert b"transfer-encoding" not in head
    assert body == b"hello"


def early_answers() -> List[bytes]:
    return [
        post(LONG),
        post(LONG, "1.1", "Connection: close"),
        post(LONG, "1.0"),
    ]


@pytest.mark.parametrize("request_", early_answers(), ids=["kept", "closed", "1.0"])
def test_an_answer_before_the_end_of_the_body_arrives(request_: bytes) -> None:
    """Sent whole before anything is read, as simple clients do."""
    with connection_to(refuse) as connection:
        connection.sendall(request_)
        assert connection.recv(4096).startswith(b"HTTP/1.1 413 ")


def test_a_body_without_end_is_not_read_for_ever() -> None:
    with connection_to(refuse) as connection:
        connection.sendall(post(b"", "1.0").replace(b"Length: 0", b"Length: 99"))
        assert read_to_the_end(connection).endswith(b"no")
        with pytest.raises((ConnectionError, socket.timeout)):  # noqa: PT012 - until it is closed
            connection.settimeout(20)
            while True:
                connection.sendall(bytes(1000))
                threading.Event().wait(0.05)
