"""Back into order: results of work that was handed out in order and ends in any."""

from __future__ import annotations

import threading
from typing import Callable, Dict, Generic, Optional, TypeVar

T = TypeVar("T")


class ReorderBuffer(Generic[T]):
    """Holds each result until those of all earlier tickets are out.

    Args:
        release: called with every result, in the order of the tickets, one at a time. It must not
            call back.
        patience: how many results may be held for one that is missing before that is given up; None
            waits for it whatever it takes.
    """

    def __init__(self, release: Callable[[T], None], patience: Optional[int] = None) -> None:
        self._release = release
        self._patience = patience
        self._changed = threading.Condition()
        self._issued = 0
        self._next = 0
        self._held: Dict[int, Optional[T]] = {}
        self._closed = False

    def issue(self, below: Optional[int] = None) -> Optional[int]:
        """A ticket for the next piece of work.

        Args:
            below: waits until fewer tickets than this are unsettled; None does not wait.

        Returns:
            None where `close` came first.
        """
        with self._changed:
            self._changed.wait_for(
                lambda: self._closed or below is None or self._issued - self._next < below
            )
            if self._closed:
                return None
            self._issued += 1
            return self._issued - 1

    def settle(self, ticket: int, result: Optional[T]) -> bool:
        """Brings a ticket's result, or None where there will be none; each ticket once.

        Returns:
            False where it comes too late, after the ticket was given up or `close`, and is dropped.
        """
        with self._changed:
            if ticket < self._next or self._closed:
                return False
            self._held[ticket] = result
            if self._patience is not None and len(self._held) > self._patience:
                self._next = min(self._held)
            while self._next in self._held:
                due = self._held.pop(self._next)
                self._next += 1
                if due is not None:
                    self._release(due)
            self._changed.notify_all()
            return True

    def wait_until_settled(self) -> bool:
        """Waits until no ticket is unsettled; returns False where `close` came first."""
        with self._changed:
            self._changed.wait_for(lambda: self._closed or self._issued == self._next)
            return not self._closed

    def close(self) -> int:
        """Releases nothing more and wakes every waiter; returns how many results were held."""
        with self._changed:
            self._closed = True
            abandoned = sum(result is not None for result in self._held.values())
            self._held.clear()
            self._changed.notify_all()
            return abandoned
