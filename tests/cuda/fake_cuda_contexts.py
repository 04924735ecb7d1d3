"""Contexts of the stand-in for a GPU, and the stacks of them that pycuda keeps for threads."""

from __future__ import annotations

import threading
from typing import Any, Optional

from tests.cuda.fake_cuda_streams import LogicError


class FakeContext:
    """A primary context that was retained once."""

    def __init__(self, driver: Any) -> None:
        self.driver, self.valid = driver, True
        driver.retained += 1

    def push(self) -> None:
        if self.driver.exclusive and self.driver.pushed:
            raise LogicError("cuCtxPushCurrent failed: invalid device context")
        self.driver.stacks.append((threading.current_thread(), self))

    def pop(self) -> None:
        """Takes the current one off the thread; it stays where CUDA answers with an error."""
        assert threading.get_ident() in self.driver.pushed, "popped by another thread"
        self.driver.check("cuCtxPopCurrent")
        self.driver.stacks.remove(self.driver.stack()[-1])

    def detach(self) -> None:
        if not self.valid:
            raise LogicError("context::detach failed: cannot detach from invalid context")
        self.valid = False
        self.driver.retained -= 1
        self.driver.Context.get_current()


class FakeCurrentContext:
    """pycuda's class of contexts, for what it does with the current one."""

    def __init__(self, driver: Any) -> None:
        self.driver = driver

    def get_current(self) -> Optional[FakeContext]:
        """That of this thread, whose released ones are taken off."""
        while self.driver.stack() and not self.driver.stack()[-1][1].valid:
            self.driver.stacks.remove(self.driver.stack()[-1])
        return self.driver.stack()[-1][1] if self.driver.stack() else None

    def synchronize(self) -> None:
        self.driver.check("cuCtxSynchronize")
        for stream in self.driver.streams.values():
            stream.run_until(lambda: False)
        self.driver.check("cuCtxSynchronize")
