"""Frames across two processes: pixels in shared memory, everything else in messages.

The capture process writes each frame into the next of a few slots and then sends a message that
names it. It never waits for the reader: when the slots come round, older frames are overwritten. A
reader that was overtaken while copying learns it from the messages that arrived meanwhile, and
takes the newer frame. Nothing is locked, so a process killed half-way leaves nothing locked behind;
and since a message passes through the kernel, pixels written before it are seen after it, on
processors with a weak memory order as well.

The memory is an anonymous file handed to the child: it has no name that could be left behind, and
is not bounded by the 64 MB that containers give /dev/shm.
"""

from __future__ import annotations

import json
import mmap
import os
from types import TracebackType
from typing import NamedTuple, Optional, Tuple, Type, Union

import numpy as np

from runtime.errors import InvalidInput
from runtime.image.frame import Frame, PixelFormat, shape_of
from runtime.image.yuv import Matrix, YuvCoding

SLOTS = 3
# An 8K image. The file is sparse: memory is spent on the pages that frames touch, no more.
SLOT_BYTES = 7680 * 4320 * 3
LARGEST_MESSAGE = 16384


class Opened(NamedTuple):
    """The camera answered.

    Attributes:
        frame_rate: frames per second as declared, None where nothing sensible is.
    """

    frame_rate: Optional[float]


class Captured(NamedTuple):
    """A frame lies in the ring.

    Attributes:
        position: how many frames were written before it; it lies in slot `position % SLOTS`.
        number: how many frames were captured before it.
        height: rows, pixels.
        width: columns, pixels.
        captured_at: seconds since the epoch.
        format: what its pixels are.
        matrix: NV12: of its coding.
        full_range: NV12: of its coding.
    """

    position: int
    number: int
    height: int
    width: int
    captured_at: float
    format: PixelFormat
    matrix: Matrix
    full_range: bool


class Failed(NamedTuple):
    """The capture ends, and why.

    Attributes:
        reason: a `LossReason`, or "" where trying again will not help.
        problem: one clause naming the source and what happened.
        cure: one clause telling the reader what to do about it.
    """

    reason: str
    problem: str
    cure: str


Message = Union[Opened, Captured, Failed]
_KINDS = {kind.__name__: kind for kind in (Opened, Captured, Failed)}


def bytes_from_message(message: Message) -> bytes:
    """The message as one datagram."""
    return json.dumps([type(message).__name__, *message]).encode()


def message_from_bytes(datagram: bytes) -> Message:
    """The message in one datagram."""
    kind, *fields = json.loads(datagram)
    message: Message = _KINDS[kind](*fields)
    return message


def anonymous_file() -> int:
    """The descriptor of a new file in memory, large enough for a ring; the caller closes it."""
    descriptor = os.memfd_create("runtime-frames")
    os.ftruncate(descriptor, SLOTS * SLOT_BYTES)
    return descriptor


class FrameRing:
    """The slots, mapped into this process; a context manager.

    Args:
        descriptor: of an `anonymous_file`; it may be closed once the ring is made.
    """

    def __init__(self, descriptor: int) -> None:
        self._memory = mmap.mmap(descriptor, SLOTS * SLOT_BYTES)

    def __enter__(self) -> FrameRing:
        return self

    def __exit__(
        self,
        kind: Optional[Type[BaseException]],
        error: Optional[BaseException],
        trace: Optional[TracebackType],
    ) -> None:
        self._memory.close()

    def write(self, position: int, frame: Frame) -> Captured:
        """Puts a frame into slot `position % SLOTS`, its pixels as they are.

        Returns:
            The message that tells of it.

        Raises:
            InvalidInput: it is larger than a slot.
        """
        if frame.pixels.nbytes > SLOT_BYTES:
            raise InvalidInput(
                f"the camera gives frames of {frame.width}x{frame.height} pixels",
                "Set it to 7680x4320 or less",
            )
        np.copyto(self._slot(position, frame.pixels.shape), frame.pixels)
        return Captured(
            position,
            frame.number,
            frame.height,
            frame.width,
            frame.captured_at,
            frame.format,
            frame.coding.matrix,
            frame.coding.full_range,
        )

    def copy(self, captured: Captured, source: str) -> Frame:
        """The frame in its slot, with the pixels that lie there now.

        Args:
            captured: the message that told of it.
            source: the frame's.
        """
        shape = shape_of(captured.format, captured.height, captured.width)
        pixels = np.array(self._slot(captured.position, shape))
        coding = YuvCoding(captured.matrix, captured.full_range)
        number, at = captured.number, captured.captured_at
        return Frame(pixels, number, at, source, captured.format, coding)

    def _slot(self, position: int, shape: Tuple[int, ...]) -> np.ndarray:
        # A view must not outlive its statement: a mapping with views cannot be closed.
        start = position % SLOTS * SLOT_BYTES
        view: np.ndarray = np.ndarray(shape, np.uint8, self._memory, start)
        return view
