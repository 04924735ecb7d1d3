"""Requests that somebody else's page makes a visitor's browser send.

The browser itself keeps the answers from such a page. What a request changes it does not prevent,
and the answers of a WebSocket any page may read. Names keep the browser's own judgement true: one
that is not this daemon's can have been pointed here by whoever owns it. All of it holds on loopback
as well, for the browser may be on the same machine.
"""

from __future__ import annotations

from typing import FrozenSet

from starlette.middleware.cors import CORSMiddleware
from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Receive, Scope, Send

from runtime.serving.access_policy import AccessPolicy
from runtime.serving.api.errors import AccessRefused, Forbidden, ForeignHost, refuse

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})
OWN_SITES = frozenset({"same-origin", "none"})
DEFAULT_PORTS = {"http": ":80", "https": ":443"}


class RefuseForeign:
    """Middleware that refuses foreign names, and what foreign pages must not do.

    Args:
        app: what is for everybody else.
        policy: the names and pages that are not foreign.
    """

    def __init__(self, app: ASGIApp, policy: AccessPolicy) -> None:
        self._app = app
        self._policy = policy

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers through the application, or refuses."""
        try:
            if scope["type"] in ("http", "websocket"):
                self._judge(HTTPConnection(scope))
        except AccessRefused as fault:
            await refuse(fault, scope, receive, send)
            return
        await self._app(scope, receive, send)

    def _judge(self, connection: HTTPConnection) -> None:
        for name, value in connection.scope["headers"]:
            if name == b"host" and not self._policy.hosts.accept(value.decode("latin-1")):
                raise ForeignHost(
                    "the Host header is none of this daemon's names",
                    "Use its address, or let the operator add the name to allowed_hosts",
                )
        if may_change(connection) and is_foreign(connection, self._policy.origins):
            raise Forbidden(
                "a page of another host must not do this",
                "Let the operator add its origin to allowed_origins where it may",
            )


def readable_for(app: ASGIApp, origins: FrozenSet[str]) -> ASGIApp:
    """The application with answers that pages of these origins may read."""
    if not origins:
        return app
    return CORSMiddleware(
        app,
        allow_origins=sorted(origins),
        allow_methods=["GET", "POST", "PUT", "PATCH", "DELETE"],
        allow_headers=["Authorization", "If-None-Match", "X-Request-Id"],
        expose_headers=["*"],
    )


def may_change(connection: HTTPConnection) -> bool:
    """Whether a request can do something, by its method, or is a WebSocket."""
    scope = connection.scope
    return scope["type"] == "websocket" or scope["method"] not in SAFE_METHODS


def is_foreign(connection: HTTPConnection, allowed: FrozenSet[str]) -> bool:
    """Whether a browser says that a page of another origin is behind a request.

    Programs that are no browsers say nothing of the kind.

    Args:
        connection: the request.
        allowed: other origins that may ask all the same.
    """
    origin = connection.headers.get("origin")
    if origin is not None and origin.lower() in allowed:
        return False
    if origin is not None and not _is_same(origin, connection.headers.get("host", "")):
        return True
    return connection.headers.get("sec-fetch-site", "none") not in OWN_SITES


def _is_same(origin: str, host: str) -> bool:
    """Whether an origin is that of the Host header, whose default port may be left out.

    The scheme is not compared: before a proxy that ends TLS it is another one.
    """
    scheme, _, theirs = origin.lower().partition("://")
    port = DEFAULT_PORTS.get(scheme)
    if port is None:  # "null", a file or an extension
        return False
    ours = host.lower()
    return theirs in (ours, ours + port) or theirs + port == ours
