"""Which token is good for which route: one table, and the guard that it puts before every route."""

from __future__ import annotations

from typing import Any, Dict, FrozenSet, Iterable, Mapping, Optional, Tuple

from starlette.routing import BaseRoute, Route, WebSocketRoute
from starlette.types import ASGIApp, Receive, Send
from starlette.types import Scope as Connection

from runtime.serving.api.errors import Forbidden, error_responses
from runtime.serving.tokens import SCOPES, Scope, TokenHash

OPEN: FrozenSet[Scope] = frozenset()
SEGMENT: FrozenSet[Scope] = frozenset({"segment"})
VIEW: FrozenSet[Scope] = frozenset({"view"})
# What the daemon and its engine are, with nothing that a camera ever saw.
ANY: FrozenSet[Scope] = frozenset(SCOPES)

# Every route of the daemon, and the scopes of which a token must have one. A route without a line
# here keeps the daemon from starting.
ROUTES: Mapping[Tuple[str, str], FrozenSet[Scope]] = {
    ("POST", "/segment"): SEGMENT,
    ("GET", "/engine"): ANY,
    ("GET", "/device"): VIEW,
    ("GET", "/streams"): VIEW,
    ("GET", "/streams/{stream}"): VIEW,
    ("GET", "/streams/{stream}/mjpeg"): VIEW,
    ("GET", "/streams/{stream}/overlay"): VIEW,
    ("GET", "/streams/{stream}/mask"): VIEW,
    ("GET", "/events"): VIEW,
    ("GET", "/metrics"): VIEW,
    ("GET", "/livez"): OPEN,
    ("GET", "/readyz"): OPEN,
    ("GET", "/"): VIEW,
    ("GET", "/web/{name}"): ANY,
    ("GET", "/docs"): ANY,
    ("GET", "/openapi.json"): ANY,
    ("GET", "/signed-in"): OPEN,
}
OPEN_PATHS = frozenset(path for (_, path), scopes in ROUTES.items() if scopes == OPEN)

HOLDER = "swiftnet.token"
"""Where a connection's scope has the `TokenHash` that it was let in with, or `EVERYBODY`."""
EVERYBODY = TokenHash("everybody", ANY, sha256="0" * 64)
"""Stands for whoever comes where no token is asked for. No token has that hash."""


class Guard:
    """An endpoint, for those whose token is good for it.

    Args:
        app: the endpoint.
        scopes: of which a token must have one; none lets everybody pass.
    """

    def __init__(self, app: ASGIApp, scopes: FrozenSet[Scope]) -> None:
        self._app = app
        self._scopes = scopes

    async def __call__(self, scope: Connection, receive: Receive, send: Send) -> None:
        """Answers through the endpoint.

        Raises:
            Forbidden: the token is good for other things.
        """
        holder: Optional[TokenHash] = scope.get(HOLDER)
        if self._scopes != OPEN and (holder is None or not holder.allows(self._scopes)):
            needed = [name for name in SCOPES if name in self._scopes]
            raise Forbidden(
                "the token is good for other things than this",
                f"Use one with the scope {' or '.join(needed)}",
                f'error="insufficient_scope", scope="{" ".join(needed)}"',
            )
        await self._app(scope, receive, send)


def guard_routes(routes: Iterable[BaseRoute]) -> None:
    """Puts a guard before every route.

    Raises:
        KeyError: a route is not in the table.
        ValueError: its methods ask for different scopes, which one guard cannot tell apart.
    """
    for route in routes:
        if isinstance(route, WebSocketRoute):
            methods = {"WEBSOCKET"}
        elif isinstance(route, Route):
            methods = {"GET" if name == "HEAD" else name for name in route.methods or ()}
        else:
            raise KeyError(f"{route!r} is of a kind that has no place in the table")
        scopes = {ROUTES[method, route.path] for method in methods}
        if len(scopes) != 1:
            raise ValueError(f"give {route.path} a route for each of {sorted(methods)}")
        route.app = Guard(route.app, scopes.pop())


def document_access(document: Dict[str, Any]) -> None:
    """Adds tokens, and what is answered without a good one, to an OpenAPI document."""
    schemes = document.setdefault("components", {}).setdefault("securitySchemes", {})
    schemes["token"] = {"type": "http", "scheme": "bearer"}
    for path, operations in document["paths"].items():
        is_open = path in OPEN_PATHS
        for operation in operations.values():
            statuses = [421] if is_open else [401, 403, 421]
            operation["responses"].update(error_responses(*statuses))
            # The second alternative is none: on loopback nobody is asked.
            operation["security"] = [{}] if is_open else [{"token": []}, {}]
