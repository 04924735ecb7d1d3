"""The requests that wait for the engine: in order, bounded, and timed for an honest Retry-After."""

from __future__ import annotations

import time
from collections import deque
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any, Callable, Deque, List, Optional

from runtime.errors import Expired, Overloaded
from runtime.inference.segmenter import Segmenter
from runtime.serving.job import Outcome
from runtime.serving.metrics.engine import RequestKind

# Until the first backlog has been timed, a place in the queue is assumed to take this many seconds.
UNMEASURED_PACE = 0.1
# The share of the older measurements in the running mean of a place's seconds.
PACE_MEMORY = 0.9


@dataclass(frozen=True, eq=False)
class Request:
    """A job that somebody waits for; see `job.Job`.

    Attributes:
        work: what to do with a segmenter.
        answer: the future of whoever waits.
        deadline: time.monotonic() after which it is not begun any more; None for none.
        source: what the metrics count it as.
    """

    work: Callable[[Segmenter], Any]
    answer: Future[Any]
    deadline: Optional[float]
    source: RequestKind

    def begin(self) -> bool:
        """Whether nobody cancelled the answer; from then on nobody can."""
        return self.answer.set_running_or_notify_cancel()

    def run(self, segmenter: Segmenter) -> Outcome:
        """Does the work, unless its deadline has passed."""
        if self.deadline is not None and time.monotonic() > self.deadline:
            late = Expired("the request waited too long for the engine", "Send it again later")
            return Outcome("expired", error=late)
        try:
            return Outcome("ok", self.work(segmenter))
        except Exception as error:  # noqa: BLE001 - it belongs to whoever waits for the answer
            return Outcome("error", error=error)

    def finish(self, outcome: Outcome) -> None:
        """Gives the value or the error to whoever waits."""
        if outcome.error is None:
            self.answer.set_result(outcome.value)
        else:
            self.answer.set_exception(outcome.error)


class RequestQueue:
    """First come, first served; one of the sources that the worker takes turns between.

    Not locked: the worker is.

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
        """Appends, whatever `capacity` says: the worker counts idle slots as places too."""
        self._waiting.append(request)

    def take(self) -> Optional[Request]:
        """The request that waited longest, or None."""
        if not self._waiting:
            return None
        request = self._waiting.popleft()
        self._measure_pace()
        return request

    def take_all(self) -> List[Request]:
        """Every request, leaving the queue empty."""
        everything = list(self._waiting)
        self._waiting.clear()
        return everything

    def take_cancelled(self) -> List[Request]:
        """Takes out the requests whose answers were cancelled, which makes room."""
        cancelled = [request for request in self._waiting if request.answer.cancelled()]
        for request in cancelled:
            self._waiting.remove(request)
        return cancelled

    def overloaded(self) -> Overloaded:
        """The refusal of a request that finds no place: to come again when the queue is empty."""
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
