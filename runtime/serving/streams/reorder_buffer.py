"""Brings results back into the order in which their work was handed out."""

from __future__ import annotations

import threading
from typing import Callable, Dict, Generic, Optional, TypeVar

T = TypeVar("T")


class ReorderBuffer(Generic[T]):
    """Numbers pieces of work, and holds each result until those of all earlier numbers are out.

    Args:
        release: called with every result, in the order of the numbers, one at a time. It must not
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
        """Numbers the next piece of work, from 0 on.

        Args:
            below: waits until fewer numbers than this are incomplete; None does not wait.

        Returns:
            The number; None where `close` came first.
        """
        with self._changed:
            self._changed.wait_for(
                lambda: self._closed or below is None or self._issued - self._next < below
            )
            if self._closed:
                return None
            self._issued += 1
            return self._issued - 1

    def complete(self, number: int, result: Optional[T]) -> bool:
        """Brings the result of a numbered piece of work; call it once for each number.

        Args:
            number: as `issue` gave it.
            result: None where there will be none, so that nothing waits for it.

        Returns:
            False where it comes too late, after the number was given up or `close`, and is dropped.
        """
        with self._changed:
            if number < self._next or self._closed:
                return False
            self._held[number] = result
            if self._patience is not None and len(self._held) > self._patience:
                self._next = min(self._held)
            while self._next in self._held:
                due = self._held.pop(self._next)
                self._next += 1
                if due is not None:
                    self._release(due)
            self._changed.notify_all()
            return True

    def wait_until_complete(self) -> bool:
        """Waits until every number is complete; returns False where `close` came first."""
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
