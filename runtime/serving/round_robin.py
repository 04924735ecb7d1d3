"""Weighted round-robin: who is served next when several have something to offer."""

from __future__ import annotations

from collections import deque
from typing import Deque, Generic, Optional, TypeVar

from typing_extensions import Protocol

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)


class Lane(Protocol[T_co]):
    """Something that takes turns."""

    @property
    def weight(self) -> int:
        """Turns in a row while the lane has something to offer; at least 1."""

    def take(self) -> Optional[T_co]:
        """What is next in this lane, or None. Never blocks."""


class Turns(Generic[T]):
    """Gives each lane up to `weight` turns in a row and passes over empty ones.

    Not locked: the caller sees to it that one thread at a time is inside.
    """

    def __init__(self, first: Lane[T]) -> None:
        self._lanes: Deque[Lane[T]] = deque([first])
        self._left = first.weight

    def add(self, lane: Lane[T]) -> None:
        """Lets `lane` take part, after the others."""
        self._lanes.append(lane)

    def remove(self, lane: Lane[T]) -> None:
        """Asks `lane` no more. The last one cannot leave."""
        was_next = self._lanes[0] is lane
        self._lanes.remove(lane)
        if was_next:
            self._left = self._lanes[0].weight

    def take(self) -> Optional[T]:
        """The next thing in turn, or None when every lane is empty."""
        # One more than there are lanes: the first may have used up its turns and come round again.
        for _ in range(len(self._lanes) + 1):
            if self._left > 0:
                taken = self._lanes[0].take()
                if taken is not None:
                    self._left -= 1
                    return taken
            self._lanes.rotate(-1)
            self._left = self._lanes[0].weight
        return None
