"""One camera, address, video or folder, segmented from start to end and shown to whoever looks.

A thread of the stream's own reads the source and survives its failures; the worker's slots pull the
frames and segment them; results go out in the order of their frames.
"""

from __future__ import annotations

import logging
import threading
import time
from dataclasses import replace
from functools import partial
from types import TracebackType
from typing import Callable, Optional, Type

from typing_extensions import Self

from runtime.errors import RuntimeFault, SourceFailed
from runtime.image.frame import Frame
from runtime.inference.engine import SegmentOptions
from runtime.inference.segmenter import Segmenter
from runtime.serving.metrics.registry import Metrics
from runtime.serving.settings import StreamSettings
from runtime.serving.streams.broadcast import Broadcast
from runtime.serving.streams.frame_buffer import Everything, FrameBuffer, LatestFrame, NumberedFrame
from runtime.serving.streams.rate import Backoff, FrameRate, Limit
from runtime.serving.streams.reorder_buffer import ReorderBuffer
from runtime.serving.streams.result import Demand, Drawing, Overlays, StreamResult
from runtime.serving.streams.status import StreamStats, StreamStatus
from runtime.serving.worker import Work
from runtime.sources.address import address_from_uri, without_credentials
from runtime.sources.open_source import open_source
from runtime.sources.source import Source, SourceLost

# Results of a live stream that may wait for one that an engine's slot does not bring.
PATIENCE = 8
# A connection that brought so many frames was a good one: the next pause is short again.
HEALTHY_FRAMES = 100
# For images that are shown as a video; folders declare no rate.
IMAGES_PER_SECOND = 15.0
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
        backoff: the pauses between attempts to connect.

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
        self._settings = settings
        self._live = address_from_uri(settings.uri).live
        self._wake = wake
        self._inference = metrics.inference
        self._tally = StreamStats(metrics.stream(settings.id))
        self._drawing = Drawing(settings.opacity, settings.jpeg_quality, Demand())
        drops = self._live or settings.loop
        self._sequencer = ReorderBuffer(self._release, PATIENCE if drops else None)
        self._inbox: FrameBuffer = (LatestFrame if drops else Everything)(self._sequencer)
        self._backoff = Backoff() if backoff is None else backoff
        self._limit = Limit(settings.max_fps) if settings.max_fps and drops else None
        self._pace = FrameRate()
        self._last_number = -1
        self._stopping = threading.Event()
        self._changing = threading.Lock()
        self._source: Optional[Source] = None
        # A daemon thread: a file system that hangs must not keep the process alive.
        self._thread = threading.Thread(target=self._run, name=f"stream-{self.id}", daemon=True)

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
        self._thread.start()

    def stop(self, timeout: float = STOP_SECONDS) -> None:
        """Ends the stream from whatever state it is in; work in hand is finished and dropped.

        Args:
            timeout: seconds that its source may take to end.

        Raises:
            SourceFailed: it did not end in time; its thread is left behind.
        """
        self._stopping.set()
        with self._changing:
            if self._source is not None:
                self._source.interrupt()
        held = self._sequencer.close()
        if self._thread.ident is not None:
            self._thread.join(timeout)
        self._tally.dropped("shutdown", held + self._inbox.close())
        self.broadcast.close()
        if self._tally.state not in ("FAILED", "FINISHED"):
            self._tally.entered("STOPPED")
        if self._thread.is_alive():
            raise SourceFailed(
                f"the source of stream {self.id!r} did not end within {timeout:g} s",
                "Look for a file system or driver that hangs; the stream is left behind",
            )

    def status(self) -> StreamStatus:
        """How the stream is doing now."""
        identity = (self.id, without_credentials(self._settings.uri), self._live)
        return self._tally.status(identity, self.broadcast.newest())

    def take(self) -> Optional[Work[None]]:
        """The work of the next frame, or None. Never blocks."""
        ticketed = self._inbox.take()
        return None if ticketed is None else partial(self._segment, ticketed)

    # ---- on a slot's thread ---------------------------------------------------------------------

    def _segment(self, ticketed: NumberedFrame, segmenter: Segmenter) -> None:
        try:
            result = self._result(ticketed.frame, segmenter)
        except Exception as error:
            self._tally.erred(error)
            self._tally.dropped("engine_error")
            self._sequencer.settle(ticketed.ticket, None)
            raise
        if not self._sequencer.settle(ticketed.ticket, result):
            self._tally.dropped("shutdown" if self._stopping.is_set() else "stale")

    def _result(self, frame: Frame, segmenter: Segmenter) -> StreamResult:
        # The image is wanted though nobody may be looking: whoever asks for the newest frame
        # between two frames, or for another opacity, gets it drawn then.
        wanted = SegmentOptions("model", image=True, overlay=self._drawing.foremost())
        segmentation = segmenter.segment(frame, wanted)
        started = time.perf_counter()
        # It lies in the lane's own buffer, which the next frame overwrites.
        overlays = Overlays(segmentation.image.copy(), segmentation.labels, self._drawing)
        overlays.draw_ahead(segmentation.drawn)
        timings = {**segmentation.timings, "encode": time.perf_counter() - started}
        self._inference.took(timings)
        return StreamResult(frame, segmentation.labels, overlays, timings, time.time())

    def _release(self, result: StreamResult) -> None:
        published = replace(result, published_at=time.time())
        self._tally.published(published)
        self.broadcast.publish(published)

    # ---- on the stream's own thread -------------------------------------------------------------

    def _run(self) -> None:
        try:
            self._play()
        except RuntimeFault as fault:
            self._fail(fault)
        except Exception as error:
            self._fail(error)
            raise

    def _note(self, error: Exception) -> None:
        # A camera that is away for a week is tried thousands of times: one line is enough.
        if self._tally.erred(error):
            logger.warning("stream %s: %s", self.id, error)

    def _fail(self, error: Exception) -> None:
        self._note(error)
        self._tally.entered("FAILED")
        self._sequencer.wait_until_settled()
        self.broadcast.close()

    def _play(self) -> None:
        while not self._stopping.is_set():
            before = self._last_number
            try:
                self._connect()
            except SourceLost as loss:
                self._note(loss)
                self._tally.reconnecting(loss.reason)
                self._tally.entered("BACKOFF")
                if self._last_number - before >= HEALTHY_FRAMES:
                    self._backoff.reset()
                self._stopping.wait(self._backoff.pause())
            else:
                if not self._settings.loop and not self._stopping.is_set():
                    self._finish()
                    return

    def _finish(self) -> None:
        if self._sequencer.wait_until_settled():
            self._tally.entered("FINISHED")
            self.broadcast.close()

    def _connect(self) -> None:
        """Reads the source from its beginning to its end."""
        if self._tally.state != "RUNNING":  # a film that begins again goes on running
            self._tally.entered("CONNECTING")
        stalled = partial(self._tally.entered, "STALLED")
        first = self._last_number + 1
        with open_source(self._settings.uri, stalled) as source:
            try:
                self._hold(source)
                for frame in source:
                    self._pause(source)
                    self._accept(frame, first + frame.number)
            finally:
                self._hold(None)

    def _hold(self, source: Optional[Source]) -> None:
        with self._changing:
            self._source = source
            if source is not None and self._stopping.is_set():
                source.interrupt()

    def _pause(self, source: Source) -> None:
        """Waits until the next frame of a file is due, where it is shown at a rate."""
        if self._settings.loop and not source.live:
            rate: Optional[float] = source.frame_rate or IMAGES_PER_SECOND
        else:
            rate = None if source.live else self._settings.max_fps
        if rate is not None:
            self._stopping.wait(self._pace.delay(time.monotonic(), rate))

    def _accept(self, frame: Frame, number: int) -> None:
        missed = number - self._last_number - 1
        self._last_number = number
        # A file's frame is new when it is shown, whenever it was made.
        at = frame.captured_at if self._live else time.time()
        if self._tally.state != "RUNNING":
            self._tally.entered("RUNNING")
        self._tally.captured(at, 1 + missed)
        self._tally.dropped("superseded", missed)
        if self._limit is not None and not self._limit.admits(time.monotonic()):
            self._tally.dropped("max_fps")
            return
        lost = self._inbox.offer(replace(frame, number=number, captured_at=at, source=self.id))
        self._tally.dropped("shutdown" if self._stopping.is_set() else "superseded", lost)
        self._wake()
