from __future__ import annotations

import asyncio
from typing import FrozenSet, Iterator, List, Set, Tuple

import pytest
from fastapi import FastAPI
from starlette.routing import Mount, Route, WebSocketRoute
from starlette.types import Message, Receive, Scope, Send

from runtime.serving.api.app import routed_app
from runtime.serving.api.authorization import (
    EVERYBODY,
    HOLDER,
    OPEN,
    ROUTES,
    VIEW,
    Guard,
    guard_routes,
)
from runtime.serving.api.errors import Forbidden
from tests.serving.api.live import HandMadeStream
from tests.serving.api.serving import Parts, Served, image, served
from tests.serving.tokens import TOKENS, asking, bearer

TABLE = sorted((method, path, scopes) for (method, path), scopes in ROUTES.items())


@pytest.fixture(scope="module")
def running() -> Iterator[Served]:
    stream = HandMadeStream("gate")
    stream.publish()
    with served(Parts(streams={"gate": stream}, access=asking())) as at_work:
        yield at_work


def status(running: Served, method: str, path: str, token: str = "") -> int:
    """Of an answer whose body, which may never end, is not waited for."""
    address = path.replace("{stream}", "gate").replace("{name}", "app.js")
    headers = bearer(token) if token else {}
    with running.client.stream(method, address, content=image(), headers=headers) as answer:
        return answer.status_code


def routes_of(app: FastAPI) -> Set[Tuple[str, str]]:
    found = set()
    for route in app.router.routes:
        assert isinstance(route, Route)
        found |= {(method, route.path) for method in (route.methods or set()) - {"HEAD"}}
    return found


def test_every_route_is_in_the_table_and_nothing_else_is(running: Served) -> None:
    assert routes_of(routed_app(running.services)) == set(ROUTES)


@pytest.mark.parametrize(("method", "path", "scopes"), TABLE)
class TestEveryRoute:
    def test_asks_for_a_token_unless_it_is_open(
        self, running: Served, method: str, path: str, scopes: FrozenSet[str]
    ) -> None:
        assert status(running, method, path) == (200 if scopes == OPEN else 401)

    def test_refuses_a_token_that_is_none(
        self, running: Served, method: str, path: str, scopes: FrozenSet[str]
    ) -> None:
        assert status(running, method, path, "made-up") == (200 if scopes == OPEN else 401)

    @pytest.mark.parametrize("scope", sorted(TOKENS))
    def test_answers_the_scopes_of_the_table_and_no_other(
        self, running: Served, method: str, path: str, scopes: FrozenSet[str], scope: str
    ) -> None:
        may = scopes == OPEN or scope in scopes or scope == "admin"
        assert status(running, method, path, TOKENS[scope]) == (200 if may else 403)


def test_the_openapi_document_names_the_refusals(running: Served) -> None:
    document = running.client.get("/openapi.json", headers=bearer(TOKENS["view"])).json()
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            refusals = set() if ROUTES[method.upper(), path] == OPEN else {"401", "403"}
            assert refusals | {"421"} <= set(operation["responses"]), path
    assert document["components"]["securitySchemes"]["token"]["scheme"] == "bearer"


def test_a_refusal_tells_which_scope_is_missing(running: Served) -> None:
    answer = running.client.get("/streams", headers=bearer(TOKENS["segment"]))
    assert answer.json() == {
        "error": "the token is good for other things than this. Use one with the scope view."
    }
    challenge = answer.headers["WWW-Authenticate"]
    assert challenge == 'Bearer realm="swiftnet", error="insufficient_scope", scope="view"'


async def nothing(_scope: Scope, _receive: Receive, _send: Send) -> None:
    """An endpoint."""


@pytest.mark.parametrize(
    ("route", "complaint"),
    [
        (Route("/brand-new", nothing), "brand-new"),
        (Route("/streams", nothing, methods=["POST"]), "POST"),
        (WebSocketRoute("/streams", nothing), "WEBSOCKET"),
        (Mount("/static", nothing), "kind"),
    ],
)
def test_a_route_without_a_decision_keeps_the_daemon_from_starting(
    route: Route, complaint: str
) -> None:
    with pytest.raises(KeyError, match=complaint):
        guard_routes([route])


def test_a_guard_lets_nobody_pass_whom_nobody_looked_at() -> None:
    reached: List[Scope] = []

    async def endpoint(scope: Scope, _receive: Receive, _send: Send) -> None:
        reached.append(scope)

    async def receive() -> Message:
        return {"type": "http.request"}

    async def send(_: Message) -> None:
        """Sends nothing."""

    guard = Guard(endpoint, VIEW)
    with pytest.raises(Forbidden):
        asyncio.run(guard({"type": "http"}, receive, send))
    asyncio.run(guard({"type": "http", HOLDER: EVERYBODY}, receive, send))
    assert len(reached) == 1
