"""The requests that wait for the engine: in order, bounded, and timed for an honest Retry-After."""

from __future__ import annotations

import time
from collections import deque
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any, Callable, Deque, List, Optional

from runtime.errors import Overloaded
from runtime.inference.segmenter import Segmenter
from runtime.serving.metrics.engine import RequestKind

# Until the first backlog has been timed, a place in the queue is assumed to take this long.
UNMEASURED_PACE = 0.1
PACE_MEMORY = 0.9


@dataclass(frozen=True, eq=False)
class Request:
    """Work that somebody waits for.

    Attributes:
        work: what to do with a segmenter.
        answer: who waits for its outcome.
        deadline: time.monotonic() after which nobody wants it any more.
        source: what the metrics count it as.
    """

    work: Callable[[Segmenter], Any]
    answer: Future[Any]
    deadline: Optional[float]
    source: RequestKind


class RequestQueue:
    """First come, first served; one lane of the worker's turns. Not locked: the worker is.

    Args:
        capacity: requests that may wait.
        clock: seconds on a steady clock.
    """

    weight = 1

    def __init__(self, capacity: int, clock: Callable[[], float] = time.monotonic) -> None:
        self.capacity = capacity
        self._clock = clock
        self._waiting: Deque[Request] = deque()
        self._pace = UNMEASURED_PACE
        self._backlog_since: Optional[float] = None

    def __len__(self) -> int:
        return len(self._waiting)

    def put(self, request: Request) -> None:
        """Appends without asking for `capacity`: the worker knows how many slots are idle."""
        self._waiting.append(request)

    def take(self) -> Optional[Request]:
        """The one that waited longest."""
        if not self._waiting:
            return None
        request = self._waiting.popleft()
        self._measure_pace()
        return request

    def take_all(self) -> List[Request]:
        """Everything, leaving the queue empty."""
        everything = list(self._waiting)
        self._waiting.clear()
        return everything

    def take_cancelled(self) -> List[Request]:
        """Those that nobody waits for any more, making room."""
        cancelled = [request for request in self._waiting if request.answer.cancelled()]
        for request in cancelled:
            self._waiting.remove(request)
        return cancelled

    def overloaded(self) -> Overloaded:
        """What to tell a request that finds no place: when all who wait now will be through."""
        return Overloaded(
            f"all {self.capacity} places in the queue are taken",
            "Send the request again after the time in Retry-After",
            retry_after=max(1, len(self._waiting)) * self._pace,
        )

    def _measure_pace(self) -> None:
        """Times how long the queue takes to move up by one place while it is never empty."""
        now = self._clock()
        if self._backlog_since is not None:
            latest = now - self._backlog_since
            self._pace = PACE_MEMORY * self._pace + (1 - PACE_MEMORY) * latest
        self._backlog_since = now if self._waiting else None
