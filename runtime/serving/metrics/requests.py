"""What is counted of requests over HTTP."""

from __future__ import annotations

from typing import Optional, Tuple

from prometheus_client import CollectorRegistry, Counter, Histogram

from runtime.serving.metrics.durations import SECONDS

REFUSAL_REASONS = (
    *("connections", "client_connections", "head_bytes", "head_seconds"),
    *("pipelined", "unread_answer"),
)


class HttpMetrics:
    """Requests by route; a route is a pattern of the application, never an address from outside."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._requests = Counter(
            "swiftnet_http_requests",
            "Answered requests; code 499 means that the client left first.",
            ["route", "method", "code"],
            registry=registry,
        )
        self._duration = Histogram(
            "swiftnet_http_request_duration_seconds",
            "From the request's arrival to the first byte of its answer.",
            ["route"],
            buckets=SECONDS,
            registry=registry,
        )
        self._refused = Counter(
            "swiftnet_http_connections_refused",
            "Connections that were closed for what they cost.",
            ["reason"],
            registry=registry,
        )
        for reason in REFUSAL_REASONS:
            self._refused.labels(reason)

    def connection_refused(self, reason: str) -> None:
        """Counts a connection that was closed for what it cost; see REFUSAL_REASONS."""
        self._refused.labels(reason).inc()

    def expect(self, route: str, method: str, codes: Tuple[str, ...]) -> None:
        """Starts the counters of a route at 0."""
        self._duration.labels(route)
        for code in codes:
            self._requests.labels(route, method, code)

    def answered(self, route: str, method: str, code: str, seconds: Optional[float]) -> None:
        """Counts one request; `seconds` is None where no answer was begun."""
        self._requests.labels(route, method, code).inc()
        if seconds is not None:
            self._duration.labels(route).observe(seconds)
