"""The one thread that owns a GPU: others hand it jobs, it only submits and completes them.

A job has two halves. While the device computes one job, the thread begins the next, so the device
never waits for the processor; answers come in the order in which the jobs were handed in.
"""

from __future__ import annotations

import threading
from collections import deque
from concurrent.futures import Future
from queue import Empty, SimpleQueue
from types import TracebackType
from typing import Any, Callable, Deque, Final, Optional, Tuple, Type, TypeVar

from typing_extensions import Protocol

from runtime.cuda import CudaDevice
from runtime.errors import EngineFailed

T = TypeVar("T")

# One job computes and one stands behind it; more would only make frames older.
DEPTH: Final = 2
CLOSING_SECONDS: Final = 2.0


class Job(Protocol):
    """Work on the device in two halves, both run by the device's thread."""

    def begin(self) -> None:
        """Queues everything; waits for nothing."""

    def finish(self) -> Any:
        """Waits for what was queued and returns the answer."""


class _Call:
    """A job without a second half."""

    def __init__(self, work: Callable[[], Any]) -> None:
        self._work = work
        self._answer: Any = None

    def begin(self) -> None:
        self._answer = self._work()

    def finish(self) -> Any:
        return self._answer


_Handed = Tuple[Job, "Future[Any]"]


class DeviceThread:
    """A GPU and its thread, for as long as the `with` block lasts.

    Args:
        device: not yet entered; the thread enters and leaves it.
    """

    def __init__(self, device: CudaDevice) -> None:
        self.device = device
        self._jobs: SimpleQueue[Optional[_Handed]] = SimpleQueue()
        self._opened: Future[None] = Future()
        self._handing = threading.Lock()
        self._closed = True
        # A daemon thread: one stuck inside a driver must not keep a failed process alive.
        self._thread = threading.Thread(target=self._run, name="device", daemon=True)

    def __enter__(self) -> DeviceThread:
        """Starts the thread and waits until it has the device.

        Raises:
            EngineRefused: there is no GPU that can be used.
        """
        self._thread.start()
        self._opened.result()
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
            self._jobs.put(None)
        self._thread.join(CLOSING_SECONDS)
        if self._thread.is_alive() and error is None:
            raise EngineFailed(
                f"the GPU did not come to an end within {CLOSING_SECONDS:g} s",
                "Look into `dmesg` for NVRM or nvgpu faults; the process has to end",
            )

    def call(self, work: Callable[[], T]) -> T:
        """Runs `work` on the device's thread; returns or raises what it does."""
        answer: T = self.run(_Call(work))
        return answer

    def run(self, job: Job) -> Any:
        """Hands in a job and waits for its answer.

        Raises:
            EngineFailed: the device is closed or lost.
        """
        answer: Future[Any] = Future()
        with self._handing:
            if self._closed:
                raise EngineFailed("the engine is closed", "Run it inside its `with` block")
            self._jobs.put((job, answer))
        return answer.result()

    def _run(self) -> None:
        try:
            self.device.__enter__()
        except BaseException as error:  # noqa: BLE001 - it belongs to whoever opens the device
            self._opened.set_exception(error)
            return
        try:
            self._opened.set_result(None)
            self._serve()
        finally:
            self.device.__exit__(None, None, None)

    def _serve(self) -> None:
        begun: Deque[_Handed] = deque()
        closing = False
        while begun or not closing:
            try:
                handed = None if closing else self._jobs.get(block=not begun)
                closing = closing or handed is None
            except Empty:
                _finish(begun.popleft())
                continue
            if handed is not None and _began(handed):
                begun.append(handed)
            if len(begun) >= DEPTH or (closing and begun):
                _finish(begun.popleft())


def _began(handed: _Handed) -> bool:
    job, answer = handed
    try:
        job.begin()
    except BaseException as error:  # noqa: BLE001 - it belongs to whoever waits for the answer
        answer.set_exception(error)
        return False
    return True


def _finish(handed: _Handed) -> None:
    job, answer = handed
    try:
        answer.set_result(job.finish())
    except BaseException as error:  # noqa: BLE001 - it belongs to whoever waits for the answer
        answer.set_exception(error)
