from __future__ import annotations

import asyncio
import socket
import threading
from typing import Any

import httpx
import pytest
from starlette.types import ASGIApp, Receive, Scope, Send

import runtime.serving.http_server
from runtime.errors import InvalidConfig, RuntimeFault
from runtime.serving.http_server import HttpServer


async def hello(scope: Scope, receive: Receive, send: Send) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"hello"})


class Patient:
    """Answers only when it is cut off."""

    def __init__(self) -> None:
        self.asked = threading.Event()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.asked.set()
        await asyncio.Event().wait()


def start(server: HttpServer, app: ASGIApp) -> None:
    def died() -> None:
        raise AssertionError("the server ended by itself")

    server.start(app, died)


def test_an_application_is_served_at_the_address_it_tells() -> None:
    with HttpServer("127.0.0.1", 0) as server:
        start(server, hello)
        assert httpx.get(server.url).text == "hello"


def test_nothing_is_left_of_it() -> None:
    before = set(threading.enumerate())
    with HttpServer("127.0.0.1", 0) as server:
        start(server, hello)
        address = (server.url.split("/")[2].split(":")[0], int(server.url.rsplit(":", 1)[1]))
    assert not set(threading.enumerate()) - before
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(address)


def test_a_port_that_is_taken_is_told_before_anything_is_loaded() -> None:
    with HttpServer("127.0.0.1", 0) as first:
        start(first, hello)
        port = int(first.url.rsplit(":", 1)[1])
        with pytest.raises(InvalidConfig, match=rf"port {port} of 127.0.0.1 is taken"):
            HttpServer("127.0.0.1", port)


def test_a_port_that_another_daemon_took_while_this_one_loaded_is_told() -> None:
    with HttpServer("127.0.0.1", 0) as first:
        port = int(first.url.rsplit(":", 1)[1])
        with HttpServer("127.0.0.1", port) as second:
            start(first, hello)
            with pytest.raises(InvalidConfig, match=rf"port {port} of 127.0.0.1 is taken"):
                start(second, hello)
        assert httpx.get(first.url).text == "hello"


@pytest.mark.parametrize("host", ["no such host", "192.0.2.1"])
def test_an_address_that_is_not_of_this_machine_is_told(host: str) -> None:
    with pytest.raises(InvalidConfig, match=r"--host 127\.0\.0\.1"):
        HttpServer(host, 0)


@pytest.mark.parametrize(
    ("host", "shown"),
    [
        ("0.0.0.0", "http://127.0.0.1:"),  # noqa: S104 - every network is what is tested
        ("localhost", "http://localhost:"),
    ],
)
def test_the_url_is_one_a_browser_here_can_open(host: str, shown: str) -> None:
    with HttpServer(host, 0) as server:
        assert server.url.startswith(shown)


@pytest.mark.parametrize(
    ("host", "alone"),
    [
        ("127.0.0.1", True),
        ("127.0.0.2", True),
        ("localhost", True),
        ("0.0.0.0", False),  # noqa: S104 - every network is what is tested
    ],
)
def test_it_knows_whether_this_machine_alone_can_reach_it(host: str, alone: bool) -> None:
    with HttpServer(host, 0) as server:
        assert server.on_loopback == alone


def test_a_client_that_is_never_answered_is_cut_off() -> None:
    app = Patient()
    with HttpServer("127.0.0.1", 0) as server:
        start(server, app)
        host, port = server.url[len("http://") :].split(":")
        with socket.create_connection((host, int(port)), timeout=20) as client:
            client.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            assert app.asked.wait(20)
            server.stop(patience=0.05)
            received = list(iter(lambda: client.recv(4096), b""))
    assert not any(b"200" in piece for piece in received)


def test_a_death_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    async def end(_server: object) -> None:
        """What uvicorn does by itself when it thinks that it has done enough."""

    monkeypatch.setattr(runtime.serving.http_server._Server, "main_loop", end)
    died = threading.Event()
    with HttpServer("127.0.0.1", 0) as server:
        server.start(hello, died.set)
        assert died.wait(20)


def test_a_server_that_cannot_start_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    async def fail(server: Any, sockets: object) -> None:
        server.should_exit = True

    monkeypatch.setattr(runtime.serving.http_server._Server, "startup", fail)
    with HttpServer("127.0.0.1", 0) as server, pytest.raises(RuntimeFault, match="did not start"):
        server.start(hello, lambda: None)
