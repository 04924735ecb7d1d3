"""The thread that reads a stream's source: it connects, waits, tries again, and never gives up.

A camera that goes away is connected again after a pause; a file is read once, or over and over at
its own frame rate. What is read is counted, and offered to whoever segments it.
"""

from __future__ import annotations

import logging
import threading
import time
from dataclasses import replace
from functools import partial
from typing import Callable, Optional

from runtime.errors import RuntimeFault
from runtime.image.frame import Frame
from runtime.serving.settings import StreamSettings
from runtime.serving.streams.rate import Backoff, FrameRate, Limit
from runtime.serving.streams.status import StreamStats
from runtime.sources.address import address_from_uri
from runtime.sources.open_source import open_source
from runtime.sources.source import Source, SourceLost

# A connection that brought so many frames was a good one: the next pause is short again.
HEALTHY_FRAMES = 100
# For images that are shown as a video; folders declare no rate.
IMAGES_PER_SECOND = 15.0

logger = logging.getLogger(__name__)


class StreamReader:
    """Reads one source on a thread of its own, until its frames end or `interrupt` is called.

    Args:
        settings: the stream's id and address, and how it is shown.
        stats: counts what is read and keeps the stream's state.
        offer: called with each frame that is due, in order; it may wait.
        ended: called at the end, unless that came by `interrupt`: with what went wrong, or None
            where the source has no more frames.
        backoff: the pauses between attempts to connect.

    Attributes:
        live: whether the source is a camera or an address, not a file.
        drops: whether frames that nobody takes in time are dropped: live sources, and files that
            loop.

    Raises:
        InvalidInput: the settings hold an address of no known form.
    """

    def __init__(
        self,
        settings: StreamSettings,
        stats: StreamStats,
        offer: Callable[[Frame], None],
        ended: Callable[[Optional[Exception]], None],
        backoff: Backoff,
    ) -> None:
        self.live = address_from_uri(settings.uri).live
        self.drops = self.live or settings.loop
        self._settings = settings
        self._stats = stats
        self._offer = offer
        self._ended = ended
        self._backoff = backoff
        self._limit = Limit(settings.max_fps) if settings.max_fps and self.drops else None
        self._frame_rate = FrameRate()
        self._last_number = -1
        self._stopping = threading.Event()
        self._changing = threading.Lock()
        self._source: Optional[Source] = None
        # A daemon thread: a file system that hangs must not keep the process alive.
        self._thread = threading.Thread(target=self._run, name=f"stream-{settings.id}", daemon=True)

    def start(self) -> None:
        """Begins to connect; returns at once. A reader starts once."""
        self._thread.start()

    @property
    def stopping(self) -> bool:
        """Whether `interrupt` was called."""
        return self._stopping.is_set()

    def interrupt(self) -> None:
        """Asks the thread to end, whatever it waits for in the source; returns at once."""
        self._stopping.set()
        with self._changing:
            if self._source is not None:
                self._source.interrupt()

    def join(self, timeout: float) -> bool:
        """Waits for the thread's end, up to `timeout` seconds; returns whether it is over."""
        if self._thread.ident is not None:
            self._thread.join(timeout)
        return not self._thread.is_alive()

    def _run(self) -> None:
        try:
            if self._read_until_end():
                self._ended(None)
        except RuntimeFault as fault:
            self._fail(fault)
        except Exception as error:
            self._fail(error)
            raise

    def _fail(self, error: Exception) -> None:
        self._note(error)
        self._ended(error)

    def _note(self, error: Exception) -> None:
        # A camera that is away for a week is tried thousands of times: one line is enough.
        if self._stats.erred(error):
            logger.warning("stream %s: %s", self._settings.id, error)

    def _read_until_end(self) -> bool:
        """Reads again and again; returns whether the source ended by itself."""
        while not self._stopping.is_set():
            before = self._last_number
            try:
                self._connect_and_read()
            except SourceLost as loss:
                self._note(loss)
                self._stats.reconnecting(loss.reason)
                self._stats.entered("BACKOFF")
                if self._last_number - before >= HEALTHY_FRAMES:
                    self._backoff.reset()
                self._stopping.wait(self._backoff.pause())
            else:
                if not self._settings.loop and not self._stopping.is_set():
                    return True
        return False

    def _connect_and_read(self) -> None:
        """Reads the source from its beginning to its end."""
        if self._stats.state != "RUNNING":  # a video that begins again goes on running
            self._stats.entered("CONNECTING")
        stalled = partial(self._stats.entered, "STALLED")
        first = self._last_number + 1
        with open_source(self._settings.uri, stalled) as source:
            try:
                self._hold(source)
                for frame in source:
                    self._wait_until_due(source)
                    self._accept(frame, first + frame.number)
            finally:
                self._hold(None)

    def _hold(self, source: Optional[Source]) -> None:
        """Keeps the source where `interrupt` finds it."""
        with self._changing:
            self._source = source
            if source is not None and self._stopping.is_set():
                source.interrupt()

    def _wait_until_due(self, source: Source) -> None:
        """Waits until the next frame of a file is due, where it is shown at a rate."""
        if self._settings.loop and not source.live:
            rate: Optional[float] = source.frame_rate or IMAGES_PER_SECOND
        else:
            rate = None if source.live else self._settings.max_fps
        if rate is not None:
            self._stopping.wait(self._frame_rate.delay(time.monotonic(), rate))

    def _accept(self, frame: Frame, number: int) -> None:
        """Counts a frame, and those that the source skipped, and offers it unless it is too many.

        Args:
            frame: as the source gave it.
            number: of the frame since the stream's start, also across connections.
        """
        missed = number - self._last_number - 1
        self._last_number = number
        # A file's frame is new when it is shown, whenever it was made.
        at = frame.captured_at if self.live else time.time()
        if self._stats.state != "RUNNING":
            self._stats.entered("RUNNING")
        self._stats.captured(at, 1 + missed)
        self._stats.dropped("superseded", missed)
        if self._limit is not None and not self._limit.admits(time.monotonic()):
            self._stats.dropped("max_fps")
            return
        self._offer(replace(frame, number=number, captured_at=at, source=self._settings.id))
