"""The two threads of a GPU: one queues work on it, one waits for what was queued.

Others hand in jobs. While the device computes one job the next is queued behind it, also when it
comes in the middle of the first, so the device never waits for the processor. Answers come in the
order in which the jobs were handed in.
"""

from __future__ import annotations

import threading
from concurrent.futures import Future, wait
from contextlib import ExitStack
from queue import SimpleQueue
from types import TracebackType
from typing import Any, Callable, Final, Optional, Tuple, Type, TypeVar

from typing_extensions import Protocol

from runtime.cuda.device import CudaDevice
from runtime.errors import EngineFailed

T = TypeVar("T")

# One job computes and one stands behind it; more would only make frames older.
DEPTH: Final = 2
CLOSING_SECONDS: Final = 2.0


class Job(Protocol):
    """Work on the device in two halves, each run by one of the device's threads."""

    def begin(self) -> None:
        """Queues everything; waits for nothing."""

    def finish(self) -> Any:
        """Waits for what was queued and returns the answer."""


_Begun = Optional[Tuple[Job, "Future[Any]"]]
_Order = Optional[Callable[[], None]]


class DeviceThread:
    """A GPU and its threads, for as long as the `with` block lasts.

    Args:
        device: not yet entered; the queueing thread enters and leaves it.
    """

    def __init__(self, device: CudaDevice) -> None:
        self.device = device
        self._orders: SimpleQueue[_Order] = SimpleQueue()
        self._begun: SimpleQueue[_Begun] = SimpleQueue()
        self._room = threading.Semaphore(DEPTH)
        self._opened: Future[None] = Future()
        self._handing = threading.Lock()
        self._closed = True
        # Daemon threads: one stuck inside a driver must not keep a failed process alive.
        self._queueing = threading.Thread(target=self._queue, name="device", daemon=True)
        self._waiting = threading.Thread(target=self._wait, name="device-answers", daemon=True)

    def __enter__(self) -> DeviceThread:
        """Starts the threads and waits until they have the device.

        Raises:
            EngineRefused: there is no GPU that can be used.
        """
        self._queueing.start()
        try:
            self._opened.result()
        except BaseException:
            self._queueing.join(CLOSING_SECONDS)
            raise
        self._closed = False
        return self

    def __exit__(
        self,
        kind: Optional[Type[BaseException]],
        error: Optional[BaseException],
        trace: Optional[TracebackType],
    ) -> None:
        with self._handing:
            self._closed = True
            self._orders.put(None)
        self._queueing.join(CLOSING_SECONDS)
        if self._queueing.is_alive() and error is None:
            raise _endless()

    def call(self, work: Callable[[], T]) -> T:
        """Runs `work` on the queueing thread; returns or raises what it does.

        Raises:
            EngineFailed: the device is closed.
        """
        answer: Future[T] = Future()
        self._hand_in(lambda: _settle(answer, work))
        return answer.result()

    def end(self, work: Callable[[], object]) -> None:
        """Like `call`, for what ends something: nobody waits long for a GPU that hangs.

        Raises:
            EngineFailed: the device is closed, or does not come to an end.
        """
        answer: Future[object] = Future()
        self._hand_in(lambda: _settle(answer, work))
        if wait([answer], CLOSING_SECONDS).not_done:
            raise _endless()
        answer.result()

    def run(self, job: Job) -> Any:
        """Hands in a job and waits for its answer.

        Raises:
            EngineFailed: the device is closed or lost.
        """
        answer: Future[Any] = Future()
        self._hand_in(lambda: self._begin(job, answer))
        return answer.result()

    def _hand_in(self, order: Callable[[], None]) -> None:
        with self._handing:
            if self._closed:
                raise closed()
            self._orders.put(order)

    def _queue(self) -> None:
        try:
            self.device.__enter__()
        except BaseException as error:  # noqa: BLE001 - it belongs to whoever opens the device
            self._opened.set_exception(error)
            return
        self._waiting.start()
        try:
            if self._opened.exception() is None:
                for order in iter(self._orders.get, None):
                    order()
        finally:
            self._begun.put(None)
            self._waiting.join()
            self.device.__exit__(None, None, None)

    def _begin(self, job: Job, answer: Future[Any]) -> None:
        self._room.acquire()
        try:
            job.begin()
        except BaseException as error:  # noqa: BLE001 - it belongs to whoever waits for the answer
            self._room.release()
            answer.set_exception(error)
        else:
            self._begun.put((job, answer))

    def _wait(self) -> None:
        with ExitStack() as visit:
            try:
                visit.enter_context(self.device.visit())
            except BaseException as error:  # noqa: BLE001 - it belongs to whoever opens the device
                self._opened.set_exception(error)
                return
            self._opened.set_result(None)
            for job, answer in iter(self._begun.get, None):
                # Room first: whoever gets the answer may hand in the next job at once.
                _settle(answer, job.finish, self._room.release)


def closed() -> EngineFailed:
    """What is raised at whoever comes too late."""
    return EngineFailed("the engine is closed", "Run it inside its `with` block")


def _endless() -> EngineFailed:
    return EngineFailed(
        f"the GPU did not come to an end within {CLOSING_SECONDS:g} s",
        "Look into `dmesg` for NVRM or nvgpu faults; the process has to end",
    )


def _settle(
    answer: Future[T], work: Callable[[], T], before: Callable[[], object] = lambda: None
) -> None:
    """Does the work and gives its outcome to whoever waits, `before` having been called."""
    try:
        value = work()
    except BaseException as error:  # noqa: BLE001 - it belongs to whoever waits for the answer
        before()
        answer.set_exception(error)
    else:
        before()
        answer.set_result(value)
