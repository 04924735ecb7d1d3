"""Every Prometheus metric of the daemon, on a registry that the caller owns.

Names, labels and buckets live here and, for a Jetson's sensors, in `jetson.collector`;
docs/metrics.md explains them. All label values are known beforehand, and every combination that can
occur starts at 0, so that a rate over the first failure is a number.
"""

from __future__ import annotations

import platform
from typing import Callable, Dict, Iterator, Mapping, Optional, Tuple

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector
from prometheus_client.exposition import choose_encoder
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector
from typing_extensions import Literal

from runtime import __version__
from runtime.manifest import Build, EngineManifest

WorkSource = Literal["http", "stream", "canary"]
WorkResult = Literal["ok", "error", "rejected", "expired", "cancelled"]

SOURCES: Tuple[WorkSource, ...] = ("http", "stream", "canary")
RESULTS: Tuple[WorkResult, ...] = ("ok", "error", "rejected", "expired", "cancelled")
STAGES = ("queue", "decode", "preprocess", "infer", "postprocess", "encode")
STREAM_STATES = (
    "connecting",
    "running",
    "stalled",
    "backoff",
    "failed",
    "finished",
    "stopped",
)
DROP_REASONS = ("superseded", "max_fps", "stale", "engine_error", "shutdown")
RECONNECT_REASONS = (
    *("refused", "auth", "not_found", "timeout", "stall", "ended", "undecodable", "died"),
)
SECONDS = (
    *(0.001, 0.002, 0.003, 0.005, 0.0075, 0.01, 0.015, 0.02, 0.03, 0.04, 0.05, 0.075),
    *(0.1, 0.15, 0.25, 0.5, 1.0, 2.5),
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


class StreamMetrics:
    """One stream's metrics; the series exist from its creation on."""

    def __init__(self, families: _StreamFamilies, stream: str) -> None:
        self._captured = families.captured.labels(stream)
        self._processed = families.processed.labels(stream)
        self._age = families.age.labels(stream)
        self._last_frame = families.last_frame.labels(stream)
        self._up = families.up.labels(stream)
        self._dropped = {r: families.dropped.labels(stream, r) for r in DROP_REASONS}
        self._reconnects = {r: families.reconnects.labels(stream, r) for r in RECONNECT_REASONS}
        self._states = {s: families.state.labels(stream, s) for s in STREAM_STATES}
        self._fps = {p: families.fps.labels(stream, p) for p in ("capture", "processed")}

    def captured(self, at: float, count: int = 1) -> None:
        """Counts frames that arrived, the newest `at`, seconds since the epoch."""
        self._captured.inc(count)
        self._last_frame.set(at)

    def published(self, age: float) -> None:
        """Counts a frame whose mask is out, `age` seconds after its capture."""
        self._processed.inc()
        self._age.observe(age)

    def dropped(self, reason: str, count: int = 1) -> None:
        """Counts frames that were captured but never published; see DROP_REASONS."""
        self._dropped[reason].inc(count)

    def reconnecting(self, reason: str) -> None:
        """Counts a connection given up and tried again; see RECONNECT_REASONS."""
        self._reconnects[reason].inc()

    def entered(self, state: str) -> None:
        """Notes the state the stream is in now; see STREAM_STATES."""
        current = self._states[state]
        for gauge in self._states.values():
            gauge.set(gauge is current)
        self._up.set(state == "running")

    def rates(self, captured_fps: float, processed_fps: float) -> None:
        """Notes the frames per second of the last few seconds."""
        self._fps["capture"].set(captured_fps)
        self._fps["processed"].set(processed_fps)


class _StreamFamilies:
    def __init__(self, registry: CollectorRegistry) -> None:
        def counter(name: str, text: str, *labels: str) -> Counter:
            return Counter(f"swiftnet_stream_{name}", text, ["stream", *labels], registry=registry)

        def gauge(name: str, text: str, *labels: str) -> Gauge:
            return Gauge(f"swiftnet_stream_{name}", text, ["stream", *labels], registry=registry)

        self.up = gauge("up", "1 while frames arrive.")
        self.state = gauge("state", "1 for the state the stream is in.", "state")
        self.captured = counter("frames_captured", "Frames that arrived.")
        self.processed = counter("frames_processed", "Frames whose mask was published.")
        self.dropped = counter("frames_dropped", "Frames that were never published.", "reason")
        self.reconnects = counter("reconnects", "Connections given up and tried again.", "reason")
        self.last_frame = gauge("last_frame_timestamp_seconds", "When the newest frame arrived.")
        self.fps = gauge("fps", "Frames per second over the last few seconds.", "point")
        self.age = Histogram(
            "swiftnet_stream_frame_age_seconds",
            "From a frame's capture to the publication of its mask.",
            ["stream"],
            buckets=SECONDS,
            registry=registry,
        )


class InferenceMetrics:
    """Work on the engine: how it ended, how long each stage took, how much is waiting."""

    def __init__(self, registry: CollectorRegistry) -> None:
        work = Counter(
            "swiftnet_inference_requests",
            "Pieces of work for the engine, by where they came from and how they ended.",
            ["source", "result"],
            registry=registry,
        )
        duration = Histogram(
            "swiftnet_inference_duration_seconds",
            "Time of one stage of one frame.",
            ["stage"],
            buckets=SECONDS,
            registry=registry,
        )
        self._depth = Gauge(
            "swiftnet_queue_depth", "Requests that wait for the engine.", registry=registry
        )
        self._capacity = Gauge(
            "swiftnet_queue_capacity", "Requests that may wait for the engine.", registry=registry
        )
        self._work = {(s, r): work.labels(s, r) for s in SOURCES for r in RESULTS}
        self._stages = {stage: duration.labels(stage) for stage in STAGES}

    def ended(self, source: WorkSource, result: WorkResult) -> None:
        """Counts one piece of work."""
        self._work[source, result].inc()

    def took(self, timings: Mapping[str, float]) -> None:
        """Observes the seconds of each stage of one frame; see STAGES."""
        for stage, seconds in timings.items():
            self._stages[stage].observe(seconds)

    def watch_queue(self, depth: Callable[[], int], capacity: int) -> None:
        """Reads the queue whenever it is scraped."""
        self._depth.set_function(depth)
        self._capacity.set(capacity)


class EngineMetrics:
    """What is loaded, what it was measured to be, and whether it still is."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._registry = registry
        self._ready = Gauge(
            "swiftnet_engine_ready",
            "1 while the daemon answers /readyz with 200.",
            registry=registry,
        )
        self._load = Gauge(
            "swiftnet_engine_load_duration_seconds",
            "Time to check, load and warm up the engine.",
            registry=registry,
        )
        self._miou = Gauge(
            "swiftnet_engine_validation_miou_ratio",
            "Mean IoU that the builder measured, from the manifest.",
            ["dataset", "split", "seen_in_training"],
            registry=registry,
        )
        self._canary = Gauge(
            "swiftnet_canary_last_success_timestamp_seconds",
            "When the engine last gave the known answer to the known picture.",
            registry=registry,
        )

    def loaded(self, manifest: EngineManifest, build: Build, seconds: float) -> None:
        """Describes the engine in service, after it took `seconds` to load."""
        about = {
            "engine": manifest.name,
            "precision": build.precision,
            "backend": build.backend,
            "backend_version": build.backend_version,
            "device": build.device or "",
            "sha256": build.sha256,
        }
        Gauge(
            "swiftnet_engine_info",
            "1; the labels say which engine is in service.",
            list(about),
            registry=self._registry,
        ).labels(**about).set(1)
        self._load.set(seconds)
        for evidence in build.evidence:
            seen = str(evidence.seen_in_training).lower()
            self._miou.labels(evidence.dataset, evidence.split, seen).set(evidence.miou)

    def watch_readiness(self, ready: Callable[[], bool]) -> None:
        """Asks for readiness whenever it is scraped."""
        self._ready.set_function(ready)

    def canary_passed(self, at: float) -> None:
        """Notes a right answer to the known picture `at`, seconds since the epoch."""
        self._canary.set(at)


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
        self._families = _StreamFamilies(registry)
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
        encode, media_type = choose_encoder(accept)
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
