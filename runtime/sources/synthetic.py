"""A moving pattern that needs no camera and can be checked pixel by pixel."""

from __future__ import annotations

import threading
import time
from types import TracebackType
from typing import Iterator, Optional, Type

import numpy as np

from runtime.image.frame import Frame
from runtime.sources.address import Address

# BGR of sky, building, road, pavement, tree, fence, car, pedestrian: the colours of road scenes.
COLOURS = np.array(
    [
        (128, 128, 128),
        (0, 0, 128),
        (128, 64, 128),
        (192, 0, 0),
        (0, 128, 128),
        (128, 64, 64),
        (128, 0, 64),
        (0, 64, 64),
    ],
    np.uint8,
)
STEP = 4


def pattern(number: int, height: int, width: int) -> np.ndarray:
    """Frame `number` of the pattern: upright bars that move right by `STEP` pixels a frame.

    Args:
        number: from 0.
        height: rows, pixels.
        width: columns, pixels; every bar is an eighth of it wide, at least one pixel.

    Returns:
        (height, width, 3) uint8 BGR; no colour but those of `COLOURS`.
    """
    bar = max(1, width // len(COLOURS))
    row = COLOURS[((np.arange(width) - number * STEP) // bar) % len(COLOURS)]
    return np.ascontiguousarray(np.broadcast_to(row, (height, width, 3)))


class SyntheticSource:
    """A camera that shows `pattern` at its frame rate; a slow reader misses frames."""

    live = True

    def __init__(self, address: Address) -> None:
        self._height, self._width = address.height or 1, address.width or 1
        self.frame_rate: Optional[float] = address.frame_rate
        self._period = 1.0 / (address.frame_rate or 1.0)
        self._name = f"synthetic:{self._width}x{self._height}"
        self._interrupted = threading.Event()
        self._started = 0.0
        self._next = 0

    def __enter__(self) -> SyntheticSource:
        self._started, self._next = time.monotonic(), 0
        return self

    def __exit__(
        self,
        kind: Optional[Type[BaseException]],
        error: Optional[BaseException],
        trace: Optional[TracebackType],
    ) -> None:
        self.interrupt()

    def read(self) -> Optional[Frame]:
        """Waits for the next frame to be due; frames whose time has passed are skipped."""
        elapsed = time.monotonic() - self._started
        number = max(self._next, int(elapsed / self._period))
        if self._interrupted.wait(max(0.0, number * self._period - elapsed)):
            return None
        self._next = number + 1
        return Frame(pattern(number, self._height, self._width), number, time.time(), self._name)

    def interrupt(self) -> None:
        """Ends the pattern."""
        self._interrupted.set()

    def __iter__(self) -> Iterator[Frame]:
        return iter(self.read, None)
