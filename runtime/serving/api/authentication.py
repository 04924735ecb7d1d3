"""Whose token it is that a request shows: in its Authorization header, or in the page's cookie."""

from __future__ import annotations

from typing import FrozenSet, Optional

from starlette.requests import HTTPConnection
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from runtime.serving.access_policy import AccessPolicy
from runtime.serving.api.authorization import EVERYBODY, HOLDER, OPEN_PATHS
from runtime.serving.api.errors import AccessRefused, Unauthorized, refuse
from runtime.serving.api.sign_in import cookie_name, token_in_link, welcome
from runtime.serving.keyring import Keyring
from runtime.serving.tokens import TokenHash

METRICS_PATH = "/metrics"
_CURE = "Send `Authorization: Bearer TOKEN`, or open the daemon's link with ?token= in a browser"


def authenticated(app: ASGIApp, policy: AccessPolicy) -> ASGIApp:
    """The application, for those whom the policy lets in."""
    also_open = frozenset({METRICS_PATH} if policy.metrics_open else ())
    return Authenticate(app, policy.keyring, OPEN_PATHS | also_open)


class Authenticate:
    """Middleware that notes on every connection whose it is, and refuses nobody's.

    What does not exist is refused as well: strangers do not learn what there is.

    Args:
        app: what is for those who are let in.
        keyring: knows the tokens; None where nobody is asked for one.
        open_paths: for everybody.
    """

    def __init__(
        self, app: ASGIApp, keyring: Optional[Keyring], open_paths: FrozenSet[str]
    ) -> None:
        self._app = app
        self._keyring = keyring
        self._open_paths = open_paths

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers through the application, or refuses."""
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        connection = HTTPConnection(scope)
        try:
            signed_in = self._sign_in(connection)
            scope[HOLDER] = EVERYBODY if signed_in else self._holder_of(connection)
        except AccessRefused as fault:
            await refuse(fault, scope, receive, send)
            return
        await (signed_in or self._app)(scope, receive, send)

    def _sign_in(self, connection: HTTPConnection) -> Optional[Response]:
        """The answer to the link with a token; None for everything else."""
        token = token_in_link(connection.scope)
        if token is None:
            return None
        if self._keyring is None:
            return welcome(connection, None)
        self._holder(self._keyring, token)
        return welcome(connection, token)

    def _holder_of(self, connection: HTTPConnection) -> TokenHash:
        if self._keyring is None or connection.scope["path"] in self._open_paths:
            return EVERYBODY
        return self._holder(self._keyring, shown_token(connection))

    @staticmethod
    def _holder(keyring: Keyring, token: Optional[str]) -> TokenHash:
        if token is None:
            raise Unauthorized("this daemon asks for a token", _CURE)
        holder = keyring.holder_of(token)
        if holder is None:
            problem = "the token is not, or no longer, one that lets in"
            raise Unauthorized(problem, _CURE, 'error="invalid_token"')
        return holder


def shown_token(connection: HTTPConnection) -> Optional[str]:
    """The token that a request brings along; what it says itself wins over the browser's cookie."""
    header = connection.headers.get("authorization")
    if header is None:
        return connection.cookies.get(cookie_name(connection))
    scheme, _, token = header.partition(" ")
    return token.strip() if scheme.lower() == "bearer" else None
