"""Streams and events of the stand-in for a GPU: the queue is worked off when somebody waits."""

from __future__ import annotations

from typing import Any, Callable, List, Optional


class Error(Exception):
    """pycuda's base class of CUDA's errors."""


class LogicError(Error):
    """A call that CUDA refuses, or answers with an error that sticks."""


class RuntimeError(Error):  # noqa: A001 - pycuda's own name
    """What does not follow from a mistake of the caller."""


class Mark:
    """One recording of an event."""

    def __init__(self, stream: FakeStream) -> None:
        self.stream = stream
        self.at: Optional[float] = None


class FakeStream:
    """A queue of what is still to be done."""

    def __init__(self, driver: Any, flags: int) -> None:
        driver.check("cuStreamCreate")
        assert flags == 1, "a stream that waits for the default stream"
        self.driver = driver
        self.queue: List[Callable[[], None]] = []
        self.handle = id(self)
        driver.streams[self.handle] = self

    def put(self, work: Callable[[], None]) -> None:
        self.queue.append(work)

    def run_until(self, done: Callable[[], bool]) -> None:
        # One thread at a time, as there is one device.
        with self.driver.working:
            while self.queue and not done():
                work = self.queue.pop(0)
                self.driver.clock += 1.0
                work()

    def synchronize(self) -> None:
        self.driver.check("cuStreamSynchronize")
        self.run_until(lambda: False)
        self.driver.check("cuStreamSynchronize")

    def wait_for_event(self, event: FakeEvent) -> None:
        self.driver.check("cuStreamWaitEvent")
        mark = event.mark
        if mark is not None:
            self.put(lambda: mark.stream.run_until(lambda: mark.at is not None))


class FakeEvent:
    """A mark in a stream."""

    def __init__(self, driver: Any, flags: int) -> None:
        driver.check("cuEventCreate")
        self.driver, self.flags = driver, flags
        self.mark: Optional[Mark] = None

    def record(self, stream: FakeStream) -> FakeEvent:
        self.driver.check("cuEventRecord")
        self.mark = mark = Mark(self.driver.own(stream))

        def pass_by() -> None:
            mark.at = self.driver.clock

        stream.put(pass_by)
        return self

    def synchronize(self) -> FakeEvent:
        self.driver.check("cuEventSynchronize")
        mark = self.mark
        if mark is not None:
            mark.stream.run_until(lambda: mark.at is not None)
        self.driver.check("cuEventSynchronize")
        return self

    def time_till(self, later: FakeEvent) -> float:
        self.driver.check("cuEventElapsedTime")
        if self.mark is None or later.mark is None:
            raise LogicError("cuEventElapsedTime failed: invalid resource handle")
        if self.mark.at is None or later.mark.at is None:
            raise RuntimeError("cuEventElapsedTime failed: device not ready")
        return later.mark.at - self.mark.at
