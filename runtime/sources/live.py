"""A live camera or address: its capture process is watched, and given up when it falls silent."""

from __future__ import annotations

import re
import threading
import time
from contextlib import ExitStack
from types import TracebackType
from typing import Callable, Iterator, List, Optional, Tuple, Type, cast

from runtime.errors import SourceFailed
from runtime.image.frame import Frame
from runtime.sources.address import without_credentials
from runtime.sources.process import CaptureProcess
from runtime.sources.ring import SLOTS, Captured, Failed, Message, Opened
from runtime.sources.source import LossReason, SourceLost

# From the start of the process to the first frame: the libraries load (seconds on a Jetson), the
# camera answers, and its next key frame comes (some send one every ten seconds).
FIRST_FRAME_SECONDS = 25.0
# A frame is overdue after this many times the usual interval, and never before `LEAST_OVERDUE`.
OVERDUE_INTERVALS = 5.0
LEAST_OVERDUE = 2.0
UNKNOWN_INTERVAL = 2.0
INTERVAL_SMOOTHING = 0.1

# What FFmpeg or GStreamer say, what that is, and what to do about it.
_DIAGNOSES: Tuple[Tuple[str, LossReason, str], ...] = (
    ("401|Unauthorized|Not authorized", "auth", "Check the user name and password in the address"),
    ("403", "auth", "Check what the camera allows this user to see"),
    ("404|Not found", "not_found", "Check the path in the address"),
    (
        "refused|Could not open resource",
        "refused",
        "Check that the camera is on and the port in the address is right",
    ),
)


class LiveSource:
    """The newest frame of a camera or address, captured in a process of its own.

    Args:
        uri: `/dev/videoN`, `usb:...`, `csi:...`, `rtsp://...` or `http://...`.
        on_stall: called by `read` when a frame is overdue.
        first_frame_seconds: how long the first frame may take.
    """

    live = True

    def __init__(
        self,
        uri: str,
        on_stall: Callable[[], None],
        first_frame_seconds: float = FIRST_FRAME_SECONDS,
    ) -> None:
        self.frame_rate: Optional[float] = None
        self._uri = uri
        self._name = without_credentials(uri)
        self._on_stall = on_stall
        self._first_frame_seconds = first_frame_seconds
        self._held = ExitStack()
        self._pending: List[Message] = []
        self._newest: Optional[Captured] = None
        self._newest_at = 0.0
        self._interval: Optional[float] = None
        self._interrupted = threading.Event()

    def __enter__(self) -> LiveSource:
        self._process = self._held.enter_context(CaptureProcess(self._uri))
        return self

    def __exit__(
        self,
        kind: Optional[Type[BaseException]],
        error: Optional[BaseException],
        trace: Optional[TracebackType],
    ) -> None:
        self._held.close()

    @property
    def pid(self) -> int:
        """The number of the capture process."""
        return self._process.pid

    @property
    def _overdue_after(self) -> float:
        interval = UNKNOWN_INTERVAL if self._interval is None else self._interval
        return max(LEAST_OVERDUE, OVERDUE_INTERVALS * interval)

    def read(self) -> Optional[Frame]:
        """The newest frame; gaps in the numbers are frames that came and went meanwhile.

        Raises:
            SourceLost: the camera does not answer, closed the stream, or stays silent for twice the
                time after which it counts as stalled.
            SourceFailed: this machine cannot read such a source.
        """
        while not self._interrupted.is_set():
            messages, self._pending = self._pending or self._awaited(), []
            for message in messages:
                if isinstance(message, Opened):
                    self.frame_rate = message.frame_rate
            frames = [message for message in messages if isinstance(message, Captured)]
            failures = [message for message in messages if isinstance(message, Failed)]
            if frames:
                self._pending = list(failures)
                return self._copied(frames[-1])
            if failures and not self._interrupted.is_set():
                raise self._fault(failures[0])
        return None

    def interrupt(self) -> None:
        """Ends the capture process and with it every read."""
        self._interrupted.set()
        self._process.hang_up()

    def __iter__(self) -> Iterator[Frame]:
        return iter(self.read, None)

    def _awaited(self) -> List[Message]:
        first = self._newest is None
        patience = self._first_frame_seconds if first else self._overdue_after
        messages = self._process.receive(patience)
        if not messages and not first and not self._over:
            self._on_stall()
            messages = self._process.receive(patience)
        if messages or self._interrupted.is_set():
            return messages
        if self._process.ended:
            said = self._process.complaint() or "it left no message"
            raise SourceLost(
                f"the capture process of {self._name} died: {said}",
                "It is started again by itself; look at the system's log if this repeats",
                "died",
            )
        raise SourceLost(
            f"{self._name} sent no frame for {patience if first else 2 * patience:.1f} s",
            "It is tried again by itself; look at its power and network if this repeats",
            "timeout" if first else "stall",
        )

    @property
    def _over(self) -> bool:
        return self._process.ended or self._interrupted.is_set()

    def _copied(self, captured: Captured) -> Frame:
        """The frame, or a newer one where the capture process overtook the copying."""
        while True:
            frame = self._process.ring.copy(captured, self._name)
            later = self._process.receive(0.0)
            newer = [message for message in later if isinstance(message, Captured)]
            self._pending += later
            if not newer or newer[-1].position < captured.position + SLOTS - 1:
                break
            captured = newer[-1]
            self._pending = [m for m in self._pending if not isinstance(m, Captured)]
        self._note_arrival(captured)
        return frame

    def _note_arrival(self, frame: Captured) -> None:
        # By our own steady clock: the wall clock of a device without a battery jumps by decades.
        now, last = time.monotonic(), self._newest
        if last is not None:
            interval = (now - self._newest_at) / (frame.number - last.number)
            known = interval if self._interval is None else self._interval
            self._interval = known + INTERVAL_SMOOTHING * (interval - known)
        self._newest, self._newest_at = frame, now

    def _fault(self, failure: Failed) -> SourceFailed:
        if not failure.reason:
            return SourceFailed(failure.problem, failure.cure)
        reason = cast(LossReason, failure.reason)
        if reason == "timeout":
            return self._diagnosed(failure)
        return SourceLost(failure.problem, failure.cure, reason)

    def _diagnosed(self, failure: Failed) -> SourceLost:
        """Why an address did not answer, as far as its library said it."""
        complaint = self._process.complaint()
        problem = f"{failure.problem} ({complaint})" if complaint else failure.problem
        for sign, reason, cure in _DIAGNOSES:
            if re.search(rf"\b({sign})\b", complaint):
                return SourceLost(problem, cure, reason)
        return SourceLost(problem, failure.cure, "timeout")
