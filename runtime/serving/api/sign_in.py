"""From the link with a token to a browser that is let in: a cookie, and an address without it."""

from __future__ import annotations

from typing import Optional
from urllib.parse import parse_qsl

from fastapi import FastAPI
from starlette.requests import HTTPConnection
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.types import Scope

LINK_PATH, PARAMETER, SIGNED_IN_PATH = "/", "token", "/signed-in"
# Long enough for the screen on a wall; a token that is taken away ends it at once.
COOKIE_SECONDS = 90 * 24 * 3600
# Where the link stood on a page of another site, a browser keeps a strict cookie from the whole
# chain of redirects. A page of our own in between makes the last step our own.
SIGNED_IN = """<!doctype html>
<html lang="en">
<head>
  <meta charset="utf-8">
  <meta http-equiv="refresh" content="0; url=/">
  <title>SwiftNet runtime</title>
</head>
<body><p><a href="/">To the live page</a></p></body>
</html>
"""


def add_sign_in_route(app: FastAPI) -> None:
    """The page between the link and the live page, which knows nothing."""

    @app.get(SIGNED_IN_PATH, include_in_schema=False)
    async def signed_in() -> Response:
        return HTMLResponse(SIGNED_IN, headers={"Cache-Control": "no-store"})


def token_in_link(scope: Scope) -> Optional[str]:
    """The token of a link to the live page; None for every other request."""
    asked = scope["type"] == "http" and scope["method"] == "GET" and scope["path"] == LINK_PATH
    if not asked or b"token=" not in scope["query_string"]:
        return None
    return dict(parse_qsl(scope["query_string"].decode("latin-1"))).get(PARAMETER)


def welcome(connection: HTTPConnection, token: Optional[str]) -> Response:
    """Sends a browser on to an address without token, with the cookie that lets it in.

    Args:
        connection: the request for the link.
        token: what to let the browser in with; None where nobody is asked for one.
    """
    answer = RedirectResponse(SIGNED_IN_PATH, 303, headers={"Cache-Control": "no-store"})
    if token is not None:
        answer.set_cookie(
            cookie_name(connection),
            token,
            max_age=COOKIE_SECONDS,
            secure=connection.scope["scheme"] == "https",
            httponly=True,
            samesite="strict",
        )
    return answer


def cookie_name(connection: HTTPConnection) -> str:
    """Of this daemon's cookie: to browsers all ports of a machine are one place."""
    ours = connection.headers.get("host", "").rpartition("]")[2].partition(":")[2]
    default = "443" if connection.scope["scheme"] in ("https", "wss") else "80"
    return f"swiftnet-token-{ours or default}"
