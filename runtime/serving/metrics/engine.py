"""What is counted of the engine: its work, and what it is."""

from __future__ import annotations

from typing import Callable, Mapping, Tuple

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from typing_extensions import Literal

from runtime.repository.manifest import Build, EngineManifest
from runtime.serving.metrics.durations import SECONDS

RequestKind = Literal["http", "stream", "canary"]
WorkResult = Literal["ok", "error", "rejected", "expired", "cancelled"]

SOURCES: Tuple[RequestKind, ...] = ("http", "stream", "canary")
RESULTS: Tuple[WorkResult, ...] = ("ok", "error", "rejected", "expired", "cancelled")
STAGES = ("queue", "decode", "preprocess", "infer", "postprocess", "encode")


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
        self._door = Gauge(
            "swiftnet_door_depth", "Requests that wait for a place in the queue.", registry=registry
        )
        self._work = {(s, r): work.labels(s, r) for s in SOURCES for r in RESULTS}
        self._stages = {stage: duration.labels(stage) for stage in STAGES}

    def ended(self, source: RequestKind, result: WorkResult) -> None:
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

    def watch_door(self, depth: Callable[[], int]) -> None:
        """Reads whenever it is scraped how many requests wait before the queue."""
        self._door.set_function(depth)


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
            "When the engine last gave the known answer to the known image.",
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
        """Notes a right answer to the known image `at`, seconds since the epoch."""
        self._canary.set(at)
