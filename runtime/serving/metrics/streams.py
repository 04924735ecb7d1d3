"""What is counted of streams, each under its own name."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from runtime.serving.metrics.durations import SECONDS

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


class StreamMetrics:
    """One stream's metrics; the series exist from its creation on."""

    def __init__(self, families: StreamFamilies, stream: str) -> None:
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


class StreamFamilies:
    """The metrics of all streams; a stream's own are the series with its name."""

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
