"""Every Prometheus metric of the daemon."""

from runtime.serving.metrics.durations import SECONDS
from runtime.serving.metrics.engine import STAGES, WorkSource
from runtime.serving.metrics.registry import Metrics
from runtime.serving.metrics.requests import HttpMetrics
from runtime.serving.metrics.streams import (
    DROP_REASONS,
    RECONNECT_REASONS,
    STREAM_STATES,
    StreamMetrics,
)

__all__ = [
    "DROP_REASONS",
    "RECONNECT_REASONS",
    "SECONDS",
    "STAGES",
    "STREAM_STATES",
    "HttpMetrics",
    "Metrics",
    "StreamMetrics",
    "WorkSource",
]
