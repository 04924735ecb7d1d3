"""TensorRT's log: the only place where it says why something failed.

Its functions answer a failure with False or None, the reason goes to the logger. A process has one
logger, that of the first object made, whatever loggers are given to later ones; so there is one
here for each module, and it passes every line on to those who are listening at that moment.
"""

from __future__ import annotations

import threading
from contextlib import contextmanager
from functools import lru_cache
from typing import Dict, Iterator, List, Tuple

from runtime.inference.backends.tensorrt.api import Named, TensorRT

PROBLEMS = ("INTERNAL_ERROR", "ERROR", "WARNING")
KEPT = (*PROBLEMS, "INFO")
LINES = 200


class LogTail:
    """The last lines of a log, each once with the number of times it was said.

    A build for 8-bit repeats some warnings for every layer, which would push out everything else.

    Args:
        limit: different lines to keep, of problems and of everything.
    """

    def __init__(self, limit: int = LINES) -> None:
        self._limit = limit
        self._lock = threading.Lock()
        self._lines: Dict[Tuple[str, str], int] = {}
        self._problems: Dict[Tuple[str, str], int] = {}

    def add(self, severity: str, text: str) -> None:
        """Takes a line; what TensorRT only says in its most talkative mode is not kept."""
        with self._lock:
            if severity in KEPT:
                self._append(self._lines, (severity, text.strip()))
            if severity in PROBLEMS:
                self._append(self._problems, (severity, text.strip()))

    def _append(self, lines: Dict[Tuple[str, str], int], line: Tuple[str, str]) -> None:
        # Taken out and put in again, a line stands where it was said last.
        lines[line] = lines.pop(line, 0) + 1
        if len(lines) > self._limit:
            del lines[next(iter(lines))]

    @property
    def problems(self) -> List[str]:
        """Warnings and errors, without their severity, the latest last."""
        with self._lock:
            return [text for _, text in self._problems]

    @property
    def errors(self) -> List[str]:
        """Errors alone, the latest last."""
        with self._lock:
            return [text for severity, text in self._problems if severity != "WARNING"]

    @property
    def text(self) -> str:
        """Everything that was kept, a line each: severity, text, and how often if repeated."""
        with self._lock:
            return "\n".join(
                f"{severity}: {text}" + (f" (x{count})" if count > 1 else "")
                for (severity, text), count in self._lines.items()
            )


@contextmanager
def listening(module: TensorRT) -> Iterator[Tuple[object, LogTail]]:
    """A logger for TensorRT's objects, and the tail of what is said during the block.

    Two who listen at the same time hear each other's lines.
    """
    logger, listeners = _logger_of(module.ILogger)
    tail = LogTail()
    listeners.append(tail)
    try:
        yield logger, tail
    finally:
        listeners.remove(tail)


@lru_cache(maxsize=None)
def _logger_of(base: type) -> Tuple[object, List[LogTail]]:
    """The one logger that extends a module's ILogger, kept for ever: TensorRT does not own it."""
    listeners: List[LogTail] = []

    def log(_: object, severity: Named, text: str) -> None:
        for tail in tuple(listeners):
            tail.add(severity.name, text)

    return type("Logger", (base,), {"log": log})(), listeners
