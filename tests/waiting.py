"""Waiting for something to become true: the tests' only clock."""

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
