"""GET /livez, /readyz and /metrics: for whoever watches over the daemon."""

from __future__ import annotations

from fastapi import FastAPI, Request
from starlette.responses import JSONResponse, Response

from runtime.serving.api.services import Services

NOT_STORED = {"Cache-Control": "no-store"}


def add_health_routes(app: FastAPI, services: Services) -> None:
    """What supervisors and Prometheus ask."""

    @app.get("/livez", summary="Whether the daemon answers at all")
    async def livez() -> Response:
        return JSONResponse({"live": True}, headers=NOT_STORED)

    @app.get(
        "/readyz",
        summary="Whether its masks can be trusted now",
        responses={503: {"description": "No, and why"}},
    )
    async def readyz() -> Response:
        reason = services.health.reason
        if reason is None:
            return JSONResponse({"ready": True}, headers=NOT_STORED)
        return JSONResponse({"ready": False, "reason": reason}, 503, headers=NOT_STORED)

    @app.get("/metrics", summary="Metrics in Prometheus' format")
    async def metrics(request: Request) -> Response:
        accept = ",".join(request.headers.getlist("accept"))
        body, media_type = services.metrics.exposition(accept)
        # The library's media type is complete; Starlette would add a second charset.
        return Response(body, headers={"Content-Type": media_type, "Vary": "Accept", **NOT_STORED})
