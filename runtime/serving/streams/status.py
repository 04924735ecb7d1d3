"""How a stream is doing: counted once, told to people as StreamStatus and to Prometheus."""

from __future__ import annotations

import threading
import time
from collections import Counter, deque
from typing import Callable, Deque, Dict, List, Optional, Tuple

import numpy as np
from pydantic import BaseModel, ConfigDict, Field
from typing_extensions import Literal

from runtime.serving.metrics.streams import DROP_REASONS, StreamMetrics
from runtime.serving.streams.result import StreamResult

StreamState = Literal[
    "CONNECTING", "RUNNING", "STALLED", "BACKOFF", "FAILED", "FINISHED", "STOPPED"
]

WINDOW_SECONDS = 10.0
WINDOW_FRAMES = 128


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class LatencyStatus(_Record):
    """From capture to publication, over the last seconds; null before the first frame."""

    p50: Optional[float] = Field(description="median, milliseconds")
    p95: Optional[float] = Field(description="95th percentile, milliseconds")


class FrameCounts(_Record):
    """Frames since the start. What was captured is processed, dropped or on its way."""

    captured: int
    processed: int


class ClassShare(_Record):
    """A class that occurs in the newest mask, and its share of the pixels."""

    id: int
    share: float


class StreamStatus(_Record):
    """One stream at one moment."""

    id: str
    uri: str = Field(description="where the frames come from, without user name and password")
    state: StreamState
    live: bool = Field(description="whether the newest frame wins; files lose none")
    captured_fps: float = Field(description="frames per second over the last seconds")
    processed_fps: float = Field(description="masks per second over the last seconds")
    latency_ms: LatencyStatus
    frame_age_ms: Optional[float] = Field(description="since the newest published frame's capture")
    frames: FrameCounts
    dropped: Dict[str, int] = Field(description="frames that were never published, by reason")
    reconnects: int
    last_error: Optional[str]
    classes: List[ClassShare] = Field(description="of the newest mask")


class RateWindow:
    """Events per second over the last `WINDOW_SECONDS`: (n - 1) events in the time of n."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._seen: Deque[Tuple[float, int]] = deque(maxlen=WINDOW_FRAMES)

    def note(self, total: int) -> None:
        """Notes that `total` events have happened so far."""
        self._seen.append((self._clock(), total))

    def rate(self) -> float:
        """Events per second; 0 where fewer than two moments are in the window."""
        oldest = self._clock() - WINDOW_SECONDS
        recent = [entry for entry in self._seen if entry[0] >= oldest]
        if len(recent) < 2 or recent[-1][0] <= recent[0][0]:
            return 0.0
        return (recent[-1][1] - recent[0][1]) / (recent[-1][0] - recent[0][0])


class StreamStats:
    """Counts what happens to a stream. Safe from any thread.

    Args:
        metrics: where the same is counted for Prometheus.
        clock: seconds on a steady clock.
    """

    def __init__(self, metrics: StreamMetrics, clock: Callable[[], float] = time.monotonic) -> None:
        self._metrics = metrics
        self._lock = threading.RLock()
        self._clock = clock
        self._captured_rate, self._processed_rate = RateWindow(clock), RateWindow(clock)
        self._latencies: Deque[Tuple[float, float]] = deque(maxlen=WINDOW_FRAMES)
        self._captured = self._processed = self._reconnects = 0
        self._dropped: Counter[str] = Counter()
        self._state: StreamState = "CONNECTING"
        self._last_error: Optional[str] = None

    @property
    def state(self) -> StreamState:
        """The state entered last."""
        return self._state

    def entered(self, state: StreamState) -> None:
        """Notes the state that the stream is in from now on."""
        with self._lock:
            self._state = state
            self._metrics.entered(state.lower())
            self._tell_rates()

    def captured(self, at: float, count: int) -> None:
        """Counts frames that arrived.

        Args:
            at: when the newest was captured, seconds since the epoch.
            count: how many, those that were missed included.
        """
        with self._lock:
            self._captured += count
            self._captured_rate.note(self._captured)
            self._metrics.captured(at, count)

    def dropped(self, reason: str, count: int = 1) -> None:
        """Counts frames that will never be published.

        Args:
            reason: one of `metrics.streams.DROP_REASONS`.
            count: how many.
        """
        if count:
            with self._lock:
                self._dropped[reason] += count
                self._metrics.dropped(reason, count)

    def published(self, result: StreamResult) -> None:
        """Counts a frame whose mask is out."""
        age = max(0.0, result.published_at - result.frame.captured_at)
        with self._lock:
            self._processed += 1
            self._processed_rate.note(self._processed)
            self._latencies.append((self._clock(), age))
            self._metrics.published(age)
            self._tell_rates()

    def reconnecting(self, reason: str) -> None:
        """Counts a connection given up; see `metrics.streams.RECONNECT_REASONS`."""
        with self._lock:
            self._reconnects += 1
            self._metrics.reconnecting(reason)

    def erred(self, error: Exception) -> bool:
        """Keeps what went wrong last; returns whether that is news."""
        with self._lock:
            before, self._last_error = self._last_error, str(error)
            return self._last_error != before

    def status(
        self, identity: Tuple[str, str, bool], newest: Optional[StreamResult]
    ) -> StreamStatus:
        """The stream now.

        Args:
            identity: its id, its address without credentials, and whether it is live.
            newest: what it published last.
        """
        name, uri, live = identity
        age = None if newest is None else max(0.0, time.time() - newest.frame.captured_at)
        shares = [] if newest is None else newest.shares.tolist()
        with self._lock:
            return StreamStatus(
                id=name,
                uri=uri,
                state=self._state,
                live=live,
                captured_fps=round(self._captured_rate.rate(), 2),
                processed_fps=round(self._processed_rate.rate(), 2),
                latency_ms=self._latency(),
                frame_age_ms=None if age is None else round(1000 * age, 1),
                frames=FrameCounts(captured=self._captured, processed=self._processed),
                dropped={reason: self._dropped[reason] for reason in DROP_REASONS},
                reconnects=self._reconnects,
                last_error=self._last_error,
                classes=[ClassShare(id=i, share=round(s, 4)) for i, s in enumerate(shares) if s],
            )

    def _tell_rates(self) -> None:
        self._metrics.rates(self._captured_rate.rate(), self._processed_rate.rate())

    def _latency(self) -> LatencyStatus:
        oldest = self._clock() - WINDOW_SECONDS
        recent = [age for at, age in self._latencies if at >= oldest]
        if not recent:
            return LatencyStatus(p50=None, p95=None)
        p50, p95 = np.percentile(recent, (50, 95)) * 1000
        return LatencyStatus(p50=round(float(p50), 1), p95=round(float(p95), 1))
