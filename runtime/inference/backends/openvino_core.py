"""The one OpenVINO core of this process.

With its first compiled graph a core gives the calling thread a signal stack, and takes it away when
it is destroyed (OpenVINO 2022.3 to 2026.1 at least). Of two cores that are destroyed in the order
in which they were made, the second puts the first one's freed stack back, and the next signal that
has a handler in Python kills the process: SIGTERM of a daemon, SIGCHLD of a training.
"""

from __future__ import annotations

import threading
from functools import lru_cache

import openvino

_LOCK = threading.Lock()


def openvino_core() -> openvino.Core:
    """The core that everybody compiles with; it lives as long as the process."""
    with _LOCK:
        return _core()


@lru_cache(maxsize=None)
def _core() -> openvino.Core:
    return openvino.Core()
