"""One camera, address, video or folder, segmented from start to end and shown to whoever looks.

A reader's thread fills the stream with frames; the worker's slots pull them and segment them;
results go out in the order of their frames.
"""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass, replace
from types import TracebackType
from typing import Callable, Optional, Type

from typing_extensions import Self

from runtime.errors import SourceFailed
from runtime.image.frame import Frame
from runtime.inference.engine import SegmentOptions
from runtime.inference.segmenter import Segmenter
from runtime.serving.job import Outcome
from runtime.serving.metrics.engine import RequestKind
from runtime.serving.metrics.registry import Metrics
from runtime.serving.settings import StreamSettings
from runtime.serving.streams.broadcast import Broadcast
from runtime.serving.streams.frame_buffer import EveryFrame, FrameBuffer, LatestFrame, NumberedFrame
from runtime.serving.streams.rate import Backoff
from runtime.serving.streams.reorder_buffer import ReorderBuffer
from runtime.serving.streams.result import Demand, Drawing, Overlays, StreamResult
from runtime.serving.streams.status import StreamStats, StreamStatus
from runtime.serving.streams.stream_reader import StreamReader
from runtime.sources.address import without_credentials

# Results of a live stream that may wait for one that an engine's slot does not bring.
PATIENCE = 8
STOP_SECONDS = 2.0

logger = logging.getLogger(__name__)


class Stream:
    """A source that the worker segments; a context manager that starts and stops it.

    Live sources are tried again for ever. A file that loops is shown at its own frame rate and
    treated as a camera; one that does not is segmented as fast as it goes, and nothing is lost.

    Args:
        settings: its id, address, and how it is shown.
        wake: called when there is something to `take`.
        metrics: where it is counted.
        backoff: the pauses between attempts to connect; None for the usual ones.

    Attributes:
        id: its name in addresses and metrics.
        weight: its turns on the engine per round.
        broadcast: its results; subscribe to watch.

    Raises:
        InvalidInput: the settings hold an address of no known form.
    """

    def __init__(
        self,
        settings: StreamSettings,
        wake: Callable[[], None],
        metrics: Metrics,
        backoff: Optional[Backoff] = None,
    ) -> None:
        self.id = settings.id
        self.weight = settings.weight
        self.broadcast: Broadcast[StreamResult] = Broadcast()
        self._uri = without_credentials(settings.uri)
        self._wake = wake
        self._inference = metrics.inference
        self._stats = StreamStats(metrics.stream(settings.id))
        self._drawing = Drawing(settings.opacity, settings.jpeg_quality, Demand())
        backoff = Backoff() if backoff is None else backoff
        self._reader = StreamReader(settings, self._stats, self._offer, self._ended, backoff)
        drops = self._reader.drops
        self._order = ReorderBuffer(self._publish, PATIENCE if drops else None)
        self._frames: FrameBuffer = (LatestFrame if drops else EveryFrame)(self._order)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: Optional[Type[BaseException]],
        error: Optional[BaseException],
        trace: Optional[TracebackType],
    ) -> None:
        self.stop()

    def start(self) -> None:
        """Begins to connect; returns at once. A stream starts once."""
        self._reader.start()

    def stop(self, timeout: float = STOP_SECONDS) -> None:
        """Ends the stream from whatever state it is in; work in hand is finished and dropped.

        Args:
            timeout: seconds that its source may take to end.

        Raises:
            SourceFailed: it did not end in time; its thread is left behind.
        """
        self._reader.interrupt()
        held = self._order.close()
        over = self._reader.join(timeout)
        self._stats.dropped("shutdown", held + self._frames.close())
        self.broadcast.close()
        if self._stats.state not in ("FAILED", "FINISHED"):
            self._stats.entered("STOPPED")
        if not over:
            raise SourceFailed(
                f"the source of stream {self.id!r} did not end within {timeout:g} s",
                "Look for a file system or driver that hangs; the stream is left behind",
            )

    def status(self) -> StreamStatus:
        """How the stream is doing now."""
        identity = (self.id, self._uri, self._reader.live)
        return self._stats.status(identity, self.broadcast.newest())

    def take(self) -> Optional[StreamJob]:
        """The job of the next frame, or None. Never blocks."""
        numbered = self._frames.take()
        return None if numbered is None else StreamJob(self, numbered)

    def segment(self, numbered: NumberedFrame, segmenter: Segmenter) -> None:
        """Segments a frame that was taken, and publishes the result when its turn comes.

        Args:
            numbered: as the stream's buffer handed it out.
            segmenter: of the calling thread.

        Raises:
            RuntimeFault: the frame is lost, and counted as such.
        """
        try:
            result = self._result(numbered.frame, segmenter)
        except Exception as error:
            self._stats.erred(error)
            self._stats.dropped("engine_error")
            self._order.complete(numbered.number, None)
            raise
        if not self._order.complete(numbered.number, result):
            self._stats.dropped("shutdown" if self._reader.stopping else "stale")

    def _result(self, frame: Frame, segmenter: Segmenter) -> StreamResult:
        # The image is wanted though nobody may be looking: whoever asks for the newest frame
        # between two frames, or for another opacity, gets it drawn then.
        wanted = SegmentOptions("model", image=True, overlay=self._drawing.foremost())
        segmentation = segmenter.segment(frame, wanted)
        started = time.perf_counter()
        # It lies in the pipeline's own buffer, which the next frame overwrites.
        overlays = Overlays(segmentation.image.copy(), segmentation.labels, self._drawing)
        overlays.draw_ahead(segmentation.drawn)
        timings = {**segmentation.timings, "encode": time.perf_counter() - started}
        self._inference.took(timings)
        return StreamResult(frame, segmentation.labels, overlays, timings, time.time())

    def _publish(self, result: StreamResult) -> None:
        published = replace(result, published_at=time.time())
        self._stats.published(published)
        self.broadcast.publish(published)

    # ---- called by the reader, on its thread ----------------------------------------------------

    def _offer(self, frame: Frame) -> None:
        lost = self._frames.offer(frame)
        self._stats.dropped("shutdown" if self._reader.stopping else "superseded", lost)
        self._wake()

    def _ended(self, error: Optional[Exception]) -> None:
        """Lets out the results of the frames in work, then lets the viewers go."""
        if error is not None:
            self._stats.entered("FAILED")
        if self._order.wait_until_complete():
            if error is None:
                self._stats.entered("FINISHED")
            self.broadcast.close()


@dataclass(frozen=True, eq=False)
class StreamJob:
    """One frame of a stream as the worker's job; see `job.Job`.

    Nobody waits for it: its result goes out by the stream's broadcast, and its fault ends here.

    Attributes:
        stream: whose frame it is.
        numbered: the frame.
        source: what the metrics count it as.
    """

    stream: Stream
    numbered: NumberedFrame
    source: RequestKind = "stream"

    def begin(self) -> bool:
        """True: a frame that was taken is always wanted."""
        return True

    def run(self, segmenter: Segmenter) -> Outcome:
        """Segments the frame; a fault is counted and written down."""
        try:
            self.stream.segment(self.numbered, segmenter)
        except Exception as error:
            logger.exception("a frame of a stream was lost")
            return Outcome("error", error=error)
        return Outcome("ok")

    def finish(self, outcome: Outcome) -> None:
        """Does nothing: the frame's result is out."""
