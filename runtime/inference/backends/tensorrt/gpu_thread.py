"""The two threads of a GPU: one queues work on its streams, one waits for what was queued.

Others submit jobs. While the device computes one job the next is queued behind it, also when it
comes in the middle of the first, so the device never waits for the processor. Results come in the
order in which the jobs were submitted.
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


class DeviceJob(Protocol):
    """Work on the device in two halves, each run by one of the device's threads."""

    def begin(self) -> None:
        """Queues everything; waits for nothing."""

    def finish(self) -> Any:
        """Waits for what was queued and returns the result."""


_Begun = Optional[Tuple[DeviceJob, "Future[Any]"]]
_Call = Optional[Callable[[], None]]


class DeviceThread:
    """A GPU and its two threads, for as long as the `with` block lasts.

    Args:
        device: not yet entered; the queueing thread enters and leaves it.
    """

    def __init__(self, device: CudaDevice) -> None:
        self.device = device
        self._calls: SimpleQueue[_Call] = SimpleQueue()
        self._begun: SimpleQueue[_Begun] = SimpleQueue()
        self._places = threading.Semaphore(DEPTH)
        self._opened: Future[None] = Future()
        self._submitting = threading.Lock()
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
        with self._submitting:
            self._closed = True
            self._calls.put(None)
        self._queueing.join(CLOSING_SECONDS)
        if self._queueing.is_alive() and error is None:
            raise _endless()

    def call(self, work: Callable[[], T]) -> T:
        """Runs `work` on the queueing thread; returns or raises what it does.

        Raises:
            EngineFailed: the device is closed.
        """
        answer: Future[T] = Future()
        self._submit(lambda: _resolve(answer, work))
        return answer.result()

    def end(self, work: Callable[[], object]) -> None:
        """Like `call`, for what ends something: nobody waits long for a GPU that hangs.

        Raises:
            EngineFailed: the device is closed, or does not come to an end.
        """
        answer: Future[object] = Future()
        self._submit(lambda: _resolve(answer, work))
        if wait([answer], CLOSING_SECONDS).not_done:
            raise _endless()
        answer.result()

    def run(self, job: DeviceJob) -> Any:
        """Submits a job and waits for its result.

        Raises:
            EngineFailed: the device is closed or lost.
        """
        answer: Future[Any] = Future()
        self._submit(lambda: self._begin(job, answer))
        return answer.result()

    def _submit(self, call: Callable[[], None]) -> None:
        with self._submitting:
            if self._closed:
                raise closed()
            self._calls.put(call)

    def _queue(self) -> None:
        try:
            self.device.__enter__()
        except BaseException as error:  # noqa: BLE001 - it belongs to whoever opens the device
            self._opened.set_exception(error)
            return
        self._waiting.start()
        try:
            if self._opened.exception() is None:
                for call in iter(self._calls.get, None):
                    call()
        finally:
            self._begun.put(None)
            self._waiting.join()
            self.device.__exit__(None, None, None)

    def _begin(self, job: DeviceJob, answer: Future[Any]) -> None:
        self._places.acquire()
        try:
            job.begin()
        except BaseException as error:  # noqa: BLE001 - it belongs to whoever waits for the answer
            self._places.release()
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
                # Its place first: whoever gets the result may submit the next job at once.
                _resolve(answer, job.finish, self._places.release)


def closed() -> EngineFailed:
    """What is raised at whoever comes too late."""
    return EngineFailed("the engine is closed", "Run it inside its `with` block")


def _endless() -> EngineFailed:
    return EngineFailed(
        f"the GPU did not come to an end within {CLOSING_SECONDS:g} s",
        "Look into `dmesg` for NVRM or nvgpu faults; the process has to end",
    )


def _resolve(
    answer: Future[T], work: Callable[[], T], before: Callable[[], object] = lambda: None
) -> None:
    """Does the work and gives its outcome to whoever waits.

    Args:
        answer: takes the value or the error.
        work: what is done.
        before: called when the work is done and the answer is not given yet.
    """
    try:
        value = work()
    except BaseException as error:  # noqa: BLE001 - it belongs to whoever waits for the answer
        before()
        answer.set_exception(error)
    else:
        before()
        answer.set_result(value)
