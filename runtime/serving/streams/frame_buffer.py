"""Frames between their source and the worker: the newest of a camera, or every one of a file."""

from __future__ import annotations

import threading
from collections import deque
from typing import Deque, NamedTuple, Optional

from typing_extensions import Protocol

from runtime.image.frame import Frame
from runtime.serving.streams.latest_value import LatestValue
from runtime.serving.streams.reorder_buffer import ReorderBuffer
from runtime.serving.streams.result import StreamResult

# Frames of a file that may be read before their results are out.
READ_AHEAD = 8


class NumberedFrame(NamedTuple):
    """A frame that was handed out, and its place in the order of results.

    Attributes:
        number: the reorder buffer's; it counts the frames that were handed out, and `frame.number`
            also those that were dropped.
        frame: what is to be segmented.
    """

    number: int
    frame: Frame


class FrameBuffer(Protocol):
    """Frames that wait for a slot. One thread offers, any thread takes."""

    def offer(self, frame: Frame) -> int:
        """Leaves a frame; returns how many waiting frames, or this one, are lost by it."""

    def take(self) -> Optional[NumberedFrame]:
        """The next frame to work on, or None. Never blocks."""

    def close(self) -> int:
        """Drops what waits; returns how many frames. Close the reorder buffer first."""


class LatestFrame:
    """Holds the newest frame alone; the one it replaces is lost.

    Args:
        order: numbers each frame when it is taken.
    """

    def __init__(self, order: ReorderBuffer[StreamResult]) -> None:
        self._order = order
        self._newest: LatestValue[Frame] = LatestValue()
        self._untaken = 0
        self._taking = threading.Lock()

    def offer(self, frame: Frame) -> int:
        """Leaves the frame in place of the one before."""
        return int(self._newest.put(frame))

    def take(self) -> Optional[NumberedFrame]:
        """The newest frame, unless it was taken before."""
        # Two threads must get their numbers in the order of their frames.
        with self._taking:
            frame = self._newest.take()
            if frame is None:
                return None
            number = self._order.issue()
            if number is None:
                self._untaken += 1
                return None
            return NumberedFrame(number, frame)

    def close(self) -> int:
        """Drops the frame that waits."""
        with self._taking:
            self._untaken += self._newest.take() is not None
            self._newest.close()
            return self._untaken


class EveryFrame:
    """Holds a few frames in order; who offers more waits until results are out.

    Args:
        order: numbers each frame when it is offered.
    """

    def __init__(self, order: ReorderBuffer[StreamResult]) -> None:
        self._order = order
        self._waiting: Deque[NumberedFrame] = deque()

    def offer(self, frame: Frame) -> int:
        """Leaves the frame when fewer than `READ_AHEAD` are on their way; lost only by `close`."""
        number = self._order.issue(below=READ_AHEAD)
        if number is None:
            return 1
        self._waiting.append(NumberedFrame(number, frame))
        return 0

    def take(self) -> Optional[NumberedFrame]:
        """The oldest frame."""
        try:
            return self._waiting.popleft()
        except IndexError:
            return None

    def close(self) -> int:
        """Drops the frames that wait."""
        abandoned = len(self._waiting)
        self._waiting.clear()
        return abandoned
