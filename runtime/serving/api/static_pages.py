"""The live page and its files, and the API's manual, served from memory.

From memory, because Starlette's StaticFiles has known holes in the versions that Python 3.8 can
have, and because seven small files need no more.
"""

from __future__ import annotations

from pathlib import Path

from fastapi import FastAPI
from starlette.responses import HTMLResponse, Response

from runtime.serving.api.docs_page import manual_page
from runtime.serving.api.errors import NotFound

WEB = Path(__file__).parent.parent / "web"
MEDIA_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".svg": "image/svg+xml",
}
# The browser itself sees to it that a page fetches nothing from anywhere else.
HEADERS = {
    "Cache-Control": "no-cache",
    "Content-Security-Policy": "default-src 'self'; img-src 'self' blob: data:; "
    "frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
}


def add_page_routes(app: FastAPI) -> None:
    """GET /, /web/... and /docs."""
    files = {path.name: _answer(path) for path in sorted(WEB.iterdir()) if path.is_file()}

    @app.get("/", include_in_schema=False)
    async def live_page() -> Response:
        return files["index.html"]

    @app.get("/web/{name}", include_in_schema=False)
    async def web_file(name: str) -> Response:
        if name not in files:
            raise NotFound(f"there is no file {name!r}", "See / for the live page")
        return files[name]

    @app.get("/docs", include_in_schema=False)
    async def manual() -> Response:
        return HTMLResponse(manual_page(app.openapi()), headers=HEADERS)


def _answer(path: Path) -> Response:
    return Response(
        path.read_bytes(),
        headers={
            "Content-Type": MEDIA_TYPES.get(path.suffix, "application/octet-stream"),
            **HEADERS,
        },
    )
