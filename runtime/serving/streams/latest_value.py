"""A one-slot box that always holds the newest value: freshness for live sources."""

from __future__ import annotations

import threading
from typing import Generic, Optional, TypeVar

T = TypeVar("T")


class LatestValue(Generic[T]):
    """Latest value wins; the value it replaces is dropped and counted.

    `put` never blocks and `close` wakes every waiter, so neither side can hang the other.
    """

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._value: Optional[T] = None
        self._dropped = 0
        self._closed = False

    def put(self, value: T) -> bool:
        """Leaves `value`, unless closed; returns whether it displaced one nobody had taken."""
        with self._changed:
            if self._closed:
                return False
            displaced = self._value is not None
            self._dropped += displaced
            self._value = value
            self._changed.notify_all()
            return displaced

    def take(self, timeout: Optional[float] = 0.0) -> Optional[T]:
        """Takes the value out.

        Args:
            timeout: seconds to wait for one; 0 does not wait, None waits until `close`.

        Returns:
            The newest value, or None when there was none in time or the box is closed.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._value is not None or self._closed, timeout)
            value, self._value = self._value, None
            return value

    def close(self) -> None:
        """Empties the box, refuses what comes later and wakes every waiter."""
        with self._changed:
            self._closed = True
            self._value = None
            self._changed.notify_all()

    @property
    def closed(self) -> bool:
        """Whether `close` was called."""
        return self._closed

    @property
    def dropped(self) -> int:
        """How many values were displaced before anybody took them."""
        return self._dropped
