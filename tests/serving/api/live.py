"""A stream whose frames the tests publish by hand."""

from __future__ import annotations

import time

from runtime.image.frame import Frame
from runtime.inference.engine import SegmentOptions
from runtime.serving.metrics.registry import Metrics
from runtime.serving.streams.broadcast import Broadcast
from runtime.serving.streams.result import Demand, Drawing, Overlays, StreamResult
from runtime.serving.streams.status import StreamStats, StreamStatus
from tests.engines import segmenters
from tests.serving.api.serving import half_bright


class HandMadeStream:
    """Publishes the half bright image whenever it is told to."""

    def __init__(self, stream: str = "gate") -> None:
        self.broadcast: Broadcast[StreamResult] = Broadcast()
        self._id = stream
        self._stats = StreamStats(Metrics().stream(stream))
        self._segmenter = segmenters()[0]
        self._drawing = Drawing(opacity=0.5, quality=90, demand=Demand())
        self._number = 0

    def status(self) -> StreamStatus:
        return self._stats.status((self._id, "rtsp://cam", True), self.broadcast.newest())

    def publish(self) -> StreamResult:
        frame = Frame(half_bright(), self._number, 1000.0 + self._number, self._id)
        self._number += 1
        segmented = self._segmenter.segment(frame, SegmentOptions("model", image=True))
        overlays = Overlays(segmented.image.copy(), segmented.labels, self._drawing)
        result = StreamResult(frame, segmented.labels, overlays, {}, time.time())
        self._stats.published(result)
        self.broadcast.publish(result)
        return result
