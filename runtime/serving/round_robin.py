"""Weighted round-robin: who is served next when several have something to offer."""

from __future__ import annotations

from collections import deque
from typing import Deque, Generic, Optional, TypeVar

from typing_extensions import Protocol

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)


class WorkSource(Protocol[T_co]):
    """Something that has jobs to offer, such as the queue of requests or a camera."""

    @property
    def weight(self) -> int:
        """Turns in a row while the source has something to offer; at least 1."""

    def take(self) -> Optional[T_co]:
        """The next job of this source, or None. Never blocks."""


class RoundRobin(Generic[T]):
    """Gives each source up to `weight` turns in a row and passes over empty ones.

    Not locked: the caller sees to it that one thread at a time is inside.

    Args:
        first: takes part from the beginning.
    """

    def __init__(self, first: WorkSource[T]) -> None:
        self._sources: Deque[WorkSource[T]] = deque([first])
        self._left = first.weight

    def add(self, source: WorkSource[T]) -> None:
        """Lets `source` take part, after the others."""
        self._sources.append(source)

    def remove(self, source: WorkSource[T]) -> None:
        """Asks `source` no more. The last one cannot leave."""
        was_next = self._sources[0] is source
        self._sources.remove(source)
        if was_next:
            self._left = self._sources[0].weight

    def take(self) -> Optional[T]:
        """What the source whose turn it is offers, or None when every source is empty."""
        # One more than there are: the first may have used up its turns and come round again.
        for _ in range(len(self._sources) + 1):
            if self._left > 0:
                taken = self._sources[0].take()
                if taken is not None:
                    self._left -= 1
                    return taken
            self._sources.rotate(-1)
            self._left = self._sources[0].weight
        return None
