"""A GPU's primary context and the threads in which it is current, by the rules of pycuda.

pycuda keeps a stack of contexts for each thread, beside CUDA's own. It ends the process when a
thread ends before its stack is empty, and it releases a primary context only where it is told to.
"""

from __future__ import annotations

from typing import Any

from runtime.cuda import pycuda


class PrimaryContext:
    """Retained, and current in the thread that makes it.

    CUDA keeps a context that was released current in the thread that released it, and pycuda has no
    call for that: the thread should end soon after.

    Args:
        driver: `pycuda.driver`, whose `Error` is raised where CUDA refuses.
        device: whose context it is.
    """

    def __init__(self, driver: Any, device: pycuda.Device) -> None:
        self._driver = driver
        self._context = device.retain_primary_context()
        self._released = False
        try:
            self.enter()
        except driver.Error:
            self.release()
            raise

    def enter(self) -> None:
        """Makes it current in this thread."""
        self._context.push()

    def leave(self) -> None:
        """Takes it off this thread; if CUDA refuses even that, the context is released."""
        try:
            self._context.pop()
        except self._driver.Error:
            self.release()
            # A released context leaves a thread's stack when pycuda looks for the current one.
            self._driver.Context.get_current()
            raise

    def release(self) -> None:
        """Gives it back to CUDA, the first time."""
        if not self._released:
            self._released = True
            self._context.detach()
