"""One thread per slot of the engine; each pulls jobs and runs them to completion.

Requests wait in a bounded queue with deadlines, cameras offer their newest frame at the moment a
slot is free. A weighted round-robin takes turns between them, so neither can starve the other.
"""

from __future__ import annotations

import threading
import time
from concurrent.futures import Future
from types import TracebackType
from typing import Callable, Optional, Sequence, Set, Type, TypeVar

from runtime.errors import EngineFailed, Expired, Overloaded
from runtime.inference.segmenter import Segmenter
from runtime.serving.job import Job, Outcome
from runtime.serving.metrics.engine import RequestKind
from runtime.serving.metrics.registry import Metrics
from runtime.serving.request_queue import Request, RequestQueue
from runtime.serving.round_robin import RoundRobin, WorkSource

T = TypeVar("T")
Work = Callable[[Segmenter], T]
"""What a request does with a segmenter: decode, segment, encode, on one slot's thread."""

Feed = WorkSource[Job]
"""A camera as the worker sees it: `take` gives the job of its newest frame, or None."""


class Worker:
    """Runs jobs on the engine's slots; a context manager whose end drains and joins the threads.

    Args:
        segmenters: one per slot; each is used by one thread alone.
        queue_capacity: requests that may wait; beyond them `submit` raises Overloaded.
        metrics: counts how every job ended.
        on_failure: called once, on a slot's thread, when the engine failed for good.
    """

    def __init__(
        self,
        segmenters: Sequence[Segmenter],
        queue_capacity: int,
        metrics: Metrics,
        on_failure: Callable[[EngineFailed], None] = lambda _fault: None,
    ) -> None:
        self._metrics = metrics.inference
        self._on_failure = on_failure
        self._changed = threading.Condition()
        self._requests = RequestQueue(queue_capacity)
        self._sources: RoundRobin[Job] = RoundRobin(self._requests)
        self._idle = len(segmenters)
        self._begun: Set[Job] = set()
        self._closing = False
        self._failure: Optional[EngineFailed] = None
        self._threads = [
            # Daemon threads: one stuck inside a driver must not keep a failed process alive.
            threading.Thread(target=self._run, args=(s,), name=f"slot-{n}", daemon=True)
            for n, s in enumerate(segmenters)
        ]
        self._metrics.watch_queue(self._requests.__len__, queue_capacity)

    def __enter__(self) -> Worker:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(
        self,
        kind: Optional[Type[BaseException]],
        error: Optional[BaseException],
        trace: Optional[TracebackType],
    ) -> None:
        if not self._closing:
            self.close(drain=0.0 if error else 1.0)

    @property
    def failure(self) -> Optional[EngineFailed]:
        """Why the engine gives no answers any more; None while it does."""
        return self._failure

    @property
    def waiting(self) -> int:
        """Requests that wait for a slot."""
        return len(self._requests)

    def overloaded(self) -> Overloaded:
        """What to tell a request that found no place: when those who wait now will be through."""
        with self._changed:
            self._metrics.ended("http", "rejected")
            return self._requests.overloaded()

    def submit(
        self, work: Work[T], deadline: Optional[float] = None, source: RequestKind = "http"
    ) -> Future[T]:
        """Queues work; the future gives its value or its exception.

        Args:
            work: called with a segmenter on one of the slots' threads.
            deadline: time.monotonic() after which it is dropped with Expired unless begun.
            source: what the metrics count it as.

        Cancelling the future takes work that has not begun out of the way.

        Raises:
            Overloaded: the queue is full or the worker is closing.
            EngineFailed: the engine failed earlier.
        """
        answer: Future[T] = Future()
        with self._changed:
            self._refuse_if_full(source)
            self._requests.put(Request(work, answer, deadline, source))
            self._changed.notify()
        return answer

    def attach(self, feed: Feed) -> None:
        """Takes turns with `feed` from now on."""
        with self._changed:
            self._sources.add(feed)
            self._changed.notify_all()

    def detach(self, feed: Feed) -> None:
        """Asks `feed` no more; work already taken from it still ends."""
        with self._changed:
            self._sources.remove(feed)

    def wake(self) -> None:
        """A feed has something new. Call it without holding a lock that `Feed.take` needs."""
        with self._changed:
            self._changed.notify()

    def close(self, drain: float) -> None:
        """Refuses new work, finishes what is queued for up to `drain` seconds, ends the threads.

        What is still queued or in work then gets Expired. A thread inside the engine cannot be
        interrupted; it is left behind.
        """
        give_up = time.monotonic() + drain
        with self._changed:
            self._closing = True
            self._changed.notify_all()
            self._changed.wait_for(self._is_idle, drain)
            queued, begun = self._requests.take_all(), self._begun
            self._begun = set()
        shutdown = Expired("the daemon is shutting down", "Send the request again")
        self._refuse(queued, shutdown)
        for job in begun:
            job.finish(Outcome("expired", error=shutdown))
        for thread in self._threads:
            thread.join(max(0.1, give_up - time.monotonic()))

    def _is_idle(self) -> bool:
        return not len(self._requests) and self._idle == len(self._threads)

    def _refuse_if_full(self, source: RequestKind) -> None:
        if self._failure is not None:
            # A new one each time: raising the same exception again and again grows its traceback.
            raise EngineFailed(self._failure.problem, self._failure.cure)
        if self._closing:
            self._metrics.ended(source, "rejected")
            raise Overloaded("the daemon is shutting down", "Send the request to another", 1.0)
        # The canary has a place of its own: health must not go blind when it is busy.
        running = sum(job.source != "stream" for job in self._begun)
        taken = len(self._requests) + running
        if source == "canary" or taken < self._requests.capacity + len(self._threads):
            return
        if self._forget_cancelled():
            return
        self._metrics.ended(source, "rejected")
        raise self._requests.overloaded()

    def _forget_cancelled(self) -> bool:
        cancelled = self._requests.take_cancelled()
        for request in cancelled:
            self._metrics.ended(request.source, "cancelled")
        return bool(cancelled)

    def _run(self, segmenter: Segmenter) -> None:
        for job in iter(self._next_job, None):
            outcome = job.run(segmenter)
            self._account(job, outcome)
            # Freed first: whoever gets the answer may send the next request at once.
            if self._free_slot(job):
                job.finish(outcome)

    def _next_job(self) -> Optional[Job]:
        """Waits for a job that is still wanted; None when the thread shall end."""
        with self._changed:
            while True:
                cameras_too = not self._closing and self._failure is None
                job = self._sources.take() if cameras_too else self._requests.take()
                if job is None:
                    if self._closing:
                        return None
                    self._changed.wait()
                elif job.begin():
                    self._begun.add(job)
                    self._idle -= 1
                    return job
                else:
                    self._metrics.ended(job.source, "cancelled")

    def _account(self, job: Job, outcome: Outcome) -> None:
        """Counts how a job ended; an engine that failed for good fails the worker."""
        self._metrics.ended(job.source, outcome.result)
        if isinstance(outcome.error, EngineFailed):
            self._fail(outcome.error)

    def _free_slot(self, job: Job) -> bool:
        """Notes the end of a job; returns whether `close` has not finished it meanwhile."""
        with self._changed:
            self._idle += 1
            if self._closing:
                self._changed.notify_all()
            if job not in self._begun:
                return False
            self._begun.remove(job)
            return True

    def _fail(self, error: EngineFailed) -> None:
        """Marks the worker failed, the first time, and turns away all who wait for it."""
        with self._changed:
            if self._failure is not None:
                return
            self._failure = error
            abandoned = self._requests.take_all()
        self._refuse(abandoned, error)
        self._on_failure(error)

    def _refuse(self, abandoned: Sequence[Request], fault: Exception) -> None:
        for request in abandoned:
            if request.begin():
                self._metrics.ended(request.source, "expired")
                request.finish(Outcome("expired", error=fault))
