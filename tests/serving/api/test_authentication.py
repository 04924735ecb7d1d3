from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Dict, Iterator, List

import pytest
from starlette.types import Message, Receive, Scope, Send

from runtime.serving.access_policy import AccessPolicy
from runtime.serving.api.authentication import Authenticate
from runtime.serving.api.authorization import HOLDER, OPEN_PATHS
from runtime.serving.keyring import Keyring, TokenFile
from runtime.serving.state_directory import StateDirectory
from runtime.serving.tokens import new_token
from tests.serving.api.serving import Parts, Served, served
from tests.serving.tokens import TOKENS, asking, bearer


@pytest.fixture(scope="module")
def running() -> Iterator[Served]:
    with served(Parts(access=asking())) as at_work:
        yield at_work


def cookie(running: Served, token: str) -> Dict[str, str]:
    return {"Cookie": f"swiftnet-token-{running.client.base_url.port}={token}"}


def test_on_loopback_nobody_is_asked() -> None:
    with served() as running:
        assert running.client.get("/streams").status_code == 200


def test_a_refusal_is_one_sentence_and_a_challenge(running: Served) -> None:
    answer = running.client.get("/engine")
    assert answer.status_code == 401
    assert answer.json()["error"].startswith("this daemon asks for a token. Send `Authorization:")
    assert answer.headers["WWW-Authenticate"] == 'Bearer realm="swiftnet"'
    assert answer.headers["X-Request-Id"]


def test_a_token_that_lets_nobody_in_is_not_repeated(running: Served) -> None:
    answer = running.client.get("/engine", headers=bearer("hunter2"))
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"].endswith('error="invalid_token"')
    assert "hunter2" not in answer.text + str(answer.headers)


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER"])
def test_the_scheme_s_case_does_not_matter(running: Served, scheme: str) -> None:
    headers = {"Authorization": f"{scheme} {TOKENS['view']}"}
    assert running.client.get("/engine", headers=headers).status_code == 200


@pytest.mark.parametrize(
    "header",
    ["", "Bearer", "Bearer a b", f"Basic {TOKENS['view']}", TOKENS["view"], "Bearer \xff\xfe"],
    ids=["nothing", "no token", "two tokens", "basic", "no scheme", "no text"],
)
def test_what_shows_no_token_does_not_let_in(running: Served, header: str) -> None:
    headers = {b"Authorization": header.encode("latin-1")}
    assert running.client.get("/engine", headers=headers).status_code == 401


def test_the_page_shows_its_token_in_a_cookie(running: Served) -> None:
    assert running.client.get("/", headers=cookie(running, TOKENS["view"])).status_code == 200
    assert running.client.get("/", headers=cookie(running, "made-up")).status_code == 401


def test_what_a_request_says_itself_wins_over_the_cookie(running: Served) -> None:
    headers = {**cookie(running, TOKENS["view"]), **bearer("made-up")}
    assert running.client.get("/engine", headers=headers).status_code == 401


def test_a_token_in_the_address_is_for_the_link_alone(running: Served) -> None:
    answer = running.client.get("/engine", params={"token": TOKENS["admin"]})
    assert answer.status_code == 401


def test_strangers_do_not_learn_what_there_is(running: Served) -> None:
    for method, path in (("GET", "/nowhere"), ("GET", "/streams/gate"), ("DELETE", "/engine")):
        assert running.client.request(method, path).status_code == 401
    assert running.client.get("/nowhere", headers=bearer(TOKENS["view"])).status_code == 404


def test_a_websocket_is_asked_for_a_token_as_well() -> None:
    reached: List[Scope] = []
    sent: List[Message] = []

    async def app(scope: Scope, _receive: Receive, _send: Send) -> None:
        reached.append(scope)

    async def send(message: Message) -> None:
        sent.append(message)

    async def receive() -> Message:
        return {"type": "websocket.connect"}

    for headers in ({}, bearer(TOKENS["view"])):
        raw = [(name.lower().encode(), value.encode()) for name, value in headers.items()]
        scope = {"type": "websocket", "scheme": "ws", "path": "/", "headers": raw}
        asyncio.run(Authenticate(app, asking().keyring, OPEN_PATHS)(scope, receive, send))
    assert sent == [{"type": "websocket.close", "code": 1008}]
    assert [scope[HOLDER].name for scope in reached] == ["view-only"]


def test_metrics_can_be_opened_and_nothing_else_is() -> None:
    with served(Parts(access=asking(metrics_open=True))) as running:
        assert running.client.get("/metrics").status_code == 200
        assert running.client.get("/streams").status_code == 401


def test_a_token_is_given_and_taken_while_the_daemon_runs(tmp_path: Path) -> None:
    state = StateDirectory(tmp_path / "state")
    token, kept = new_token("gate", ["view"])
    ring = Keyring(TokenFile(None, tuple), TokenFile(state.token_file, state.tokens))
    with served(Parts(access=AccessPolicy(keyring=ring))) as running:

        def status() -> int:
            return running.client.get("/streams", headers=bearer(token)).status_code

        assert status() == 401
        state.keep(kept)
        assert status() == 200
        state.keep(new_token("gate", ["view"])[1])
        assert status() == 401
