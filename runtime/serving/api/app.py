"""The application: routes, faults and observation put together, without any state of its own."""

from __future__ import annotations

from typing import Any, Dict

from fastapi import Depends, FastAPI
from starlette.routing import Route
from starlette.types import ASGIApp

from runtime import __version__
from runtime.serving.access_policy import AccessPolicy
from runtime.serving.api import segment
from runtime.serving.api.authentication import authenticated
from runtime.serving.api.authorization import document_access, guard_routes
from runtime.serving.api.device import add_device_routes
from runtime.serving.api.engine import add_engine_routes
from runtime.serving.api.errors import answer_faults, error_responses
from runtime.serving.api.events import add_event_routes
from runtime.serving.api.head_requests import AnswerHead
from runtime.serving.api.health import add_health_routes
from runtime.serving.api.middleware import Observe
from runtime.serving.api.origin import RefuseForeign, readable_for
from runtime.serving.api.query import unambiguous
from runtime.serving.api.response_headers import DefendAnswers
from runtime.serving.api.segment import SegmentEndpoint
from runtime.serving.api.services import Services
from runtime.serving.api.sign_in import add_sign_in_route
from runtime.serving.api.static_pages import add_page_routes
from runtime.serving.api.streams import add_stream_routes
from runtime.serving.metrics.requests import HttpMetrics

FAULT_CODES = ("400", "404", "406", "408", "413", "415", "499", "500", "503")


class _Application(FastAPI):
    """FastAPI, with an OpenAPI document that tells what this daemon does."""

    def openapi(self) -> Dict[str, Any]:
        """The document, with the one route that is not FastAPI's, and with 400 for bad parameters.

        FastAPI promises 422 and a body of its own.
        """
        if self.openapi_schema is None:
            document = super().openapi()
            for operations in document["paths"].values():
                for operation in operations.values():
                    operation["responses"].pop("422", None)
                    if any(p["in"] == "query" for p in operation.get("parameters", ())):
                        operation["responses"].update(error_responses(400))
            for unused in ("HTTPValidationError", "ValidationError"):
                document["components"]["schemas"].pop(unused, None)
            segment_path = {segment.PATH: {"post": segment.openapi_operation()}}
            document["paths"] = {**segment_path, **document["paths"]}
            document_access(document)
        return self.openapi_schema or {}


def create_app(services: Services) -> ASGIApp:
    """The HTTP surface of a daemon with these services."""
    app = routed_app(services)
    patterns = {
        route.endpoint: route.path for route in app.router.routes if isinstance(route, Route)
    }
    _expect(app, services.metrics.http)
    return Observe(_defended(AnswerHead(app), services.access), services.metrics.http, patterns)


def routed_app(services: Services) -> FastAPI:
    """All routes, each with its guard."""
    # No documentation pages of the framework's: they load scripts from another host. No redirects
    # either: they repeat the Host header, which is anybody's invention.
    app = _Application(
        title="SwiftNet runtime",
        version=__version__,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        dependencies=[Depends(unambiguous)],
    )
    app.router.routes.append(Route(segment.PATH, SegmentEndpoint(services), methods=["POST"]))
    add_engine_routes(app, services)
    add_device_routes(app, services)
    add_stream_routes(app, services)
    add_event_routes(app, services)
    add_health_routes(app, services)
    add_page_routes(app)
    add_sign_in_route(app)
    answer_faults(app)
    guard_routes(app.router.routes)
    return app


def _defended(app: ASGIApp, policy: AccessPolicy) -> ASGIApp:
    """The application, for those who may come in; what refuses stands further out, cheapest last.

    A preflight of an allowed page comes without its token, so it is answered before that is asked.
    """
    readable = readable_for(authenticated(app, policy), policy.origins)
    return DefendAnswers(RefuseForeign(readable, policy))


def _expect(app: FastAPI, metrics: HttpMetrics) -> None:
    """Starts the counters of every route at 0."""
    for route in app.router.routes:
        if isinstance(route, Route):
            for method in route.methods or ():
                codes = FAULT_CODES if route.path == segment.PATH else ()
                metrics.expect(route.path, method, ("200", *codes))
