from __future__ import annotations

import asyncio
from typing import Dict, Iterator, List, Tuple

import pytest
from starlette.types import Message, Receive, Scope, Send

from runtime.serving.access_policy import AccessPolicy
from runtime.serving.api.origin import RefuseForeign
from runtime.serving.host_names import HostNames
from tests.serving.api.serving import Parts, Served, image, raw_connection, served
from tests.serving.tokens import TOKENS, asking, bearer

FRIEND = "https://dashboard.example.org"
POLICY = AccessPolicy(hosts=HostNames(["gate-camera"]), origins=frozenset({FRIEND}))
HOST = "gate-camera:8080"


@pytest.fixture(scope="module")
def running() -> Iterator[Served]:
    with served(Parts(access=POLICY)) as at_work:
        yield at_work


# What a browser or a program sends with a request that changes something, and whether it may.
TABLE = [
    ({}, 200),  # curl, Python: no browser
    ({"Origin": f"http://{HOST}"}, 200),
    ({"Origin": f"https://{HOST}"}, 200),  # a proxy before the daemon ends TLS
    ({"Origin": f"http://{HOST}", "Sec-Fetch-Site": "same-origin"}, 200),
    ({"Sec-Fetch-Site": "none"}, 200),  # typed into the address bar
    ({"Origin": FRIEND, "Sec-Fetch-Site": "cross-site"}, 200),
    ({"Origin": "http://evil.example"}, 403),
    ({"Origin": "http://gate-camera"}, 403),  # the same machine's port 80 is another page
    ({"Origin": "http://gate-camera:9090"}, 403),
    ({"Origin": f"http://{HOST}.evil.example"}, 403),
    ({"Origin": f"http://evil.example/{HOST}"}, 403),
    ({"Origin": "http://gate-camera:8080@evil.example"}, 403),
    ({"Origin": "null"}, 403),  # a sandboxed frame, a file
    ({"Origin": "file://"}, 403),
    ({"Origin": ""}, 403),
    ({"Origin": "chrome-extension://abcdef"}, 403),
    ({"Sec-Fetch-Site": "cross-site"}, 403),
    ({"Sec-Fetch-Site": "same-site"}, 403),
    ({"Origin": f"http://{HOST}", "Sec-Fetch-Site": "cross-site"}, 403),
    ({"Origin": f"{FRIEND}.evil.example", "Sec-Fetch-Site": "cross-site"}, 403),
]


@pytest.mark.parametrize(("headers", "status"), TABLE)
def test_what_foreign_pages_send_changes_nothing(
    running: Served, headers: Dict[str, str], status: int
) -> None:
    answer = running.client.post("/segment", content=image(), headers={"Host": HOST, **headers})
    assert answer.status_code == status
    if status == 403:
        assert "page of another host" in answer.json()["error"]
        assert "WWW-Authenticate" not in answer.headers


@pytest.mark.parametrize(("headers", "status"), TABLE)
def test_a_websocket_is_opened_by_the_same_table(headers: Dict[str, str], status: int) -> None:
    reached: List[Scope] = []
    sent: List[Message] = []

    async def app(scope: Scope, _receive: Receive, _send: Send) -> None:
        reached.append(scope)

    async def send(message: Message) -> None:
        sent.append(message)

    async def receive() -> Message:
        return {"type": "websocket.connect"}

    given = {"host": HOST, **headers}
    raw = [(name.lower().encode(), value.encode()) for name, value in given.items()]
    scope: Scope = {"type": "websocket", "path": "/", "query_string": b"", "headers": raw}
    asyncio.run(RefuseForeign(app, POLICY)(scope, receive, send))
    assert len(reached) == (status == 200)
    assert sent == ([] if status == 200 else [{"type": "websocket.close", "code": 1008}])


def test_a_page_may_be_read_by_whoever_links_to_it(running: Served) -> None:
    headers = {"Host": HOST, "Sec-Fetch-Site": "cross-site", "Origin": "http://evil.example"}
    answer = running.client.get("/", headers=headers)
    assert answer.status_code == 200
    assert "Access-Control-Allow-Origin" not in answer.headers


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("gate-camera", 200),
        ("GATE-Camera:8080", 200),
        ("localhost:8080", 200),
        ("192.168.1.20:8080", 200),
        ("[fe80::1]:8080", 200),
        ("evil.example", 421),
        ("gate-camera.evil.example:8080", 421),
        ("192.168.1.20.evil.example", 421),
        ("user@localhost", 421),
        ("", 421),
    ],
)
@pytest.mark.parametrize("path", ["/streams", "/livez", "/"])
def test_a_name_that_was_pointed_here_is_refused(
    running: Served, host: str, status: int, path: str
) -> None:
    assert running.client.get(path, headers={"Host": host}).status_code == status


def test_who_names_no_host_is_no_browser(running: Served) -> None:
    """Such as a load balancer's health check in HTTP/1.0."""
    with raw_connection(running) as connection:
        connection.sendall(b"GET /livez HTTP/1.0\r\n\r\n")
        assert connection.recv(4096).startswith(b"HTTP/1.1 200 ")


def test_of_two_names_both_must_be_its_own(running: Served) -> None:
    with raw_connection(running) as connection:
        connection.sendall(b"GET /livez HTTP/1.1\r\nHost: localhost\r\nHost: evil.example\r\n\r\n")
        assert connection.recv(4096).startswith((b"HTTP/1.1 421 ", b"HTTP/1.1 400 "))


def test_a_foreign_name_is_not_repeated(running: Served) -> None:
    answer = running.client.get("/", headers={"Host": "evil.example"})
    assert "evil" not in answer.text
    assert "allowed_hosts" in answer.json()["error"]


@pytest.fixture(scope="module")
def asked() -> Iterator[Served]:
    with served(Parts(access=asking(origins=frozenset({FRIEND})))) as at_work:
        yield at_work


class TestAllowedPages:
    """What a page of FRIEND's may do with a token of its own, and a page of nobody's may not."""

    def preflight(self, asked: Served, origin: str) -> Tuple[int, str]:
        headers = {
            "Origin": origin,
            "Access-Control-Request-Method": "POST",
            "Access-Control-Request-Headers": "authorization",
        }
        answer = asked.client.options("/segment", headers=headers)
        return answer.status_code, answer.headers.get("Access-Control-Allow-Origin", "")

    def test_a_preflight_needs_no_token(self, asked: Served) -> None:
        assert self.preflight(asked, FRIEND) == (200, FRIEND)

    def test_others_are_told_nothing(self, asked: Served) -> None:
        assert self.preflight(asked, "https://evil.example") == (400, "")

    def test_answers_may_be_read(self, asked: Served) -> None:
        headers = {"Origin": FRIEND, "Sec-Fetch-Site": "cross-site", **bearer(TOKENS["segment"])}
        answer = asked.client.post("/segment", content=image(), headers=headers)
        assert answer.status_code == 200
        assert answer.headers["Access-Control-Allow-Origin"] == FRIEND
        assert "Access-Control-Allow-Credentials" not in answer.headers

    def test_a_refusal_may_be_read_as_well(self, asked: Served) -> None:
        answer = asked.client.get("/streams", headers={"Origin": FRIEND})
        assert answer.status_code == 401
        assert answer.headers["Access-Control-Allow-Origin"] == FRIEND


def test_without_allowed_pages_there_is_no_cors() -> None:
    with served() as plain:
        headers = {"Origin": FRIEND, "Access-Control-Request-Method": "POST"}
        answer = plain.client.options("/segment", headers=headers)
    assert answer.status_code == 405
    assert not [name for name in answer.headers if name.startswith("access-control")]
