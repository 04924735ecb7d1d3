"""SIGTERM and SIGINT, noticed at once even while the main thread is deep inside a driver."""

from __future__ import annotations

import os
import signal
import threading
from types import FrameType, TracebackType
from typing import Any, Callable, Dict, Optional, Type

STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT)


class StopSignals:
    """Calls `on_stop` for the first signal and `on_insist` for every further one.

    Python runs signal handlers on the main thread, between two of its instructions: loading an
    engine would put them off for seconds. So the handlers do nothing; the interpreter's C code
    writes each signal's number to a pipe the moment it arrives, and a thread of our own reads it.

    Enter it on the main thread. Both functions are called on the reading thread.
    """

    def __init__(self, on_stop: Callable[[], None], on_insist: Callable[[], None]) -> None:
        self._on_stop = on_stop
        self._on_insist = on_insist
        self._before: Dict[signal.Signals, Any] = {}
        self._pipe = (-1, -1)

    def __enter__(self) -> StopSignals:
        self._pipe = os.pipe()
        # Nothing may block inside a signal handler, a full pipe least of all.
        os.set_blocking(self._pipe[1], False)
        signal.set_wakeup_fd(self._pipe[1])
        self._before = {number: signal.signal(number, _noted) for number in STOP_SIGNALS}
        threading.Thread(target=self._watch, name="signals", daemon=True).start()
        return self

    def __exit__(
        self,
        kind: Optional[Type[BaseException]],
        error: Optional[BaseException],
        trace: Optional[TracebackType],
    ) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)
        signal.set_wakeup_fd(-1)
        # The thread reads the end of the pipe, and closes its own side.
        os.close(self._pipe[1])

    def _watch(self) -> None:
        react = self._on_stop
        with os.fdopen(self._pipe[0], "rb", buffering=0) as arriving:
            while arriving.read(1):
                react()
                react = self._on_insist


def _noted(_number: int, _frame: Optional[FrameType]) -> None:
    """The pipe has it already."""
