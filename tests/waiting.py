"""Time in tests: waiting for something to become true, and a clock that stands still."""

from __future__ import annotations

import time
from typing import Callable

# Far beyond what anything takes: only a failing test ever waits this long.
GENEROUS = 20.0


def wait_until(condition: Callable[[], bool], timeout: float = GENEROUS) -> None:
    """Returns as soon as `condition` holds; fails where it does not within `timeout` seconds."""
    deadline = time.monotonic() + timeout
    while not condition():
        assert time.monotonic() < deadline, f"not within {timeout:g} s"
        time.sleep(0.005)


class Clock:
    """A clock that shows what a test sets."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now
