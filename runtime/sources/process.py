"""The parent's side of a capture process: start it, hear it, kill it."""

from __future__ import annotations

import logging
import os
import re
import selectors
import socket
import subprocess
import sys
import time
from contextlib import ExitStack, suppress
from pathlib import Path
from types import TracebackType
from typing import IO, List, Optional, Type, cast

from runtime.sources.address import without_credentials
from runtime.sources.ring import (
    LARGEST_MESSAGE,
    FrameRing,
    Message,
    anonymous_file,
    message_from_bytes,
)

# What FFmpeg must be told in the environment, before it is loaded. TCP, because lost UDP packets
# become grey smears. Half a second of analysis instead of two. One thread, because FFmpeg's frame
# threads each hold a frame back: eight of them add seven frames, 0.47 s at 15 fps. Warnings on
# stderr, because HTTP's 401 and 404 are no more than that to FFmpeg.
FFMPEG = (
    "OPENCV_FFMPEG_CAPTURE_OPTIONS=rtsp_transport;tcp|analyzeduration;500000",
    "OPENCV_FFMPEG_THREADS=1",
    "OPENCV_FFMPEG_LOGLEVEL=24",
    "OPENCV_FFMPEG_SKIP_LOG_CALLBACK=1",
)
KILL_SECONDS = 1.0
REMEMBERED = 4096
PACKAGE_PARENT = Path(__file__).resolve().parents[2]

# OpenCV's own lines say less than those of FFmpeg and the driver, whose prefix is an address.
_OPENCV_LINE = re.compile(r"\[\s*(WARN|ERROR|INFO|DEBUG):")
_FFMPEG_PREFIX = re.compile(r"^\[[^\]]* @ 0x[0-9a-f]+\]\s*")
_GSTREAMER_REPORT = re.compile(r"module \w+ reported: (.*)")


def told_by(line: str) -> str:
    """What a line of a capture process tells of the source; "" where it only tells of OpenCV."""
    report = _GSTREAMER_REPORT.search(line)
    if report:
        return report[1]
    return "" if _OPENCV_LINE.match(line) else _FFMPEG_PREFIX.sub("", line)


logger = logging.getLogger(__name__)


class CaptureProcess:
    """A running `runtime.sources.child`; a context manager that leaves no process behind.

    Used by one thread, except `hang_up`.

    Args:
        uri: what it captures.
    """

    def __init__(self, uri: str) -> None:
        self._uri = uri
        self._held = ExitStack()
        self._selector = selectors.DefaultSelector()
        self._said = ""
        self.ended = False

    def __enter__(self) -> CaptureProcess:
        with ExitStack() as held:
            held.enter_context(self._selector)
            self._link, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            held.enter_context(self._link)
            with theirs, os.fdopen(anonymous_file(), "rb") as memory:
                self.ring = held.enter_context(FrameRing(memory.fileno()))
                self._process = self._started(theirs.fileno(), memory.fileno())
            held.callback(self._kill)
            self._errors = cast(IO[bytes], self._process.stderr)
            self._link.send(self._uri.encode())
            self._selector.register(self._link, selectors.EVENT_READ)
            self._selector.register(self._errors, selectors.EVENT_READ)
            self._held = held.pop_all()
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
        """The process's number."""
        return self._process.pid

    def complaint(self) -> str:
        """The last line that FFmpeg, the driver or Python wrote about a failure, or ""."""
        if self.ended:
            # Python writes its traceback after the link is closed.
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(KILL_SECONDS)
        if any(key.fileobj is self._errors for key, _ in self._selector.select(0.0)):
            self._hear()
        telling = list(filter(None, map(told_by, self._said.splitlines())))
        return without_credentials(telling[-1]) if telling else ""

    def receive(self, timeout: float) -> List[Message]:
        """Every message that has arrived, oldest first; waits up to `timeout` seconds for one.

        Returns:
            An empty list when none came in time or the process has ended (see `ended`).
        """
        deadline = time.monotonic() + timeout
        while not self.ended:
            ready = {
                key.fileobj
                for key, _ in self._selector.select(max(0.0, deadline - time.monotonic()))
            }
            if self._errors in ready:
                self._hear()
            messages = self._arrived() if self._link in ready else []
            if messages:
                return messages
            if time.monotonic() >= deadline:
                break
        return []

    def hang_up(self) -> None:
        """Ends the process and wakes `receive`. Safe from any thread, also when it is all over."""
        with suppress(OSError):
            self._link.shutdown(socket.SHUT_RDWR)

    def _started(self, link: int, memory: int) -> subprocess.Popen[bytes]:
        # `env` sets FFmpeg's variables without this process reading its own environment. A session
        # of its own keeps Ctrl-C in the terminal from ending the capture before the drain.
        return subprocess.Popen(
            [
                "env",
                *FFMPEG,
                sys.executable,
                "-m",
                "runtime.sources.child",
                str(link),
                str(memory),
            ],
            bufsize=0,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            cwd=PACKAGE_PARENT,
            pass_fds=(link, memory),
            start_new_session=True,
        )

    def _arrived(self) -> List[Message]:
        messages: List[Message] = []
        while not self.ended:
            try:
                datagram = self._link.recv(LARGEST_MESSAGE, socket.MSG_DONTWAIT)
            except BlockingIOError:
                break
            except ConnectionResetError:
                datagram = b""
            if datagram:
                messages.append(message_from_bytes(datagram))
            self.ended = not datagram
        return messages

    def _hear(self) -> None:
        text = os.read(self._errors.fileno(), 65536)
        if not text:
            self._selector.unregister(self._errors)
        self._said = (self._said + text.decode(errors="replace"))[-REMEMBERED:]

    def _kill(self) -> None:
        self._process.kill()
        self._errors.close()
        try:
            self._process.wait(KILL_SECONDS)
        except subprocess.TimeoutExpired:
            # Nothing ends a process that hangs inside a driver; waiting longer would hang us too.
            logger.warning("capture process %d survived SIGKILL; a driver hangs", self.pid)
