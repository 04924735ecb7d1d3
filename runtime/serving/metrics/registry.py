"""Every Prometheus metric of the daemon, on a registry that the caller owns.

Names, labels and buckets live here and, for a Jetson's sensors, in `jetson.collector`;
docs/metrics.md explains them. All label values are known beforehand, and every combination that can
occur starts at 0, so that a rate over the first failure is a number.
"""

from __future__ import annotations

import platform
from typing import Dict, Iterator, Optional, Tuple

from prometheus_client import CollectorRegistry, Gauge, ProcessCollector
from prometheus_client.exposition import choose_encoder
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from runtime import __version__
from runtime.serving.metrics.engine import EngineMetrics, InferenceMetrics
from runtime.serving.metrics.negotiation import preferred
from runtime.serving.metrics.requests import HttpMetrics
from runtime.serving.metrics.streams import (
    StreamFamilies,
    StreamMetrics,
)


class Metrics:
    """All of it, on one registry; a fresh one unless given.

    Attributes:
        http: requests by route.
        inference: work on the engine.
        engine: what is loaded and whether it is well.
    """

    def __init__(self, registry: Optional[CollectorRegistry] = None) -> None:
        registry = registry or CollectorRegistry()
        self._registry = registry
        self.http = HttpMetrics(registry)
        self.inference = InferenceMetrics(registry)
        self.engine = EngineMetrics(registry)
        self._families = StreamFamilies(registry)
        self._streams: Dict[str, StreamMetrics] = {}
        build = Gauge(
            "swiftnet_build_info",
            "1; the labels say which runtime this is.",
            ["version", "python", "machine"],
            registry=registry,
        )
        build.labels(__version__, platform.python_version(), platform.machine()).set(1)
        ProcessCollector(registry=registry)

    def add(self, collector: Collector) -> None:
        """Serves what a collector collects as well."""
        self._registry.register(collector)

    def stream(self, stream: str) -> StreamMetrics:
        """The metrics of the stream with this id, the same object at every call."""
        if stream not in self._streams:
            self._streams[stream] = StreamMetrics(self._families, stream)
        return self._streams[stream]

    def exposition(self, accept: str = "") -> Tuple[bytes, str]:
        """Everything in the format that an Accept header asks for, and its media type."""
        encode, media_type = choose_encoder(preferred(accept))
        return encode(_WithoutCreationTimes(self._registry)), media_type


class _WithoutCreationTimes(Collector):
    """A registry less the `_created` series, which would double what every scrape stores.

    The client library can only be told so for the whole process.
    """

    def __init__(self, registry: CollectorRegistry) -> None:
        self._registry = registry

    def collect(self) -> Iterator[Metric]:
        for family in self._registry.collect():
            family.samples = [s for s in family.samples if not s.name.endswith("_created")]
            yield family
