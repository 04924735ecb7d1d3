"""The real pycuda on a GPU that is not there: to tests what `tests.cuda.fake_cuda` is."""

from __future__ import annotations

import ctypes
import itertools
import threading
from typing import Any, Callable, Dict, List, Optional, Tuple

import numpy as np

from tests.cuda.fake_cuda import GARBAGE
from tests.cuda.kernels.host import HostMachine
from tests.cuda.stub_driver.library import pycuda, stub_driver

ILLEGAL_ADDRESS = 700
LEFT_BEHIND = ("retained", "blocks", "streams", "events", "modules")
MISTAKES = ("overruns", "on_default_stream")
MOST_PUSHED = 64
assert GARBAGE == 0xA5, "the stub's unwritten memory looks as the stand-in's"

Work = ctypes.CFUNCTYPE(None, ctypes.c_int)


class StubGpu:
    """The module `pycuda.driver` of a machine with one GPU, and what a test may do to that GPU.

    There is one such machine in a process: a new one takes the place of the last.

    Args:
        host: runs the kernels.
        integrated: whether the GPU shares the host's memory.
        capacity: bytes of its memory.
    """

    def __init__(
        self, host: HostMachine, integrated: bool = False, capacity: int = 1 << 28
    ) -> None:
        self.stub = stub_driver()
        self.pycuda = pycuda()
        self.integrated = integrated
        self._capability = (7, 2) if integrated else (9, 0)
        self._capacity = capacity
        self._broken: Optional[str] = None
        self._host = host
        self._queued: Dict[int, Callable[[], None]] = {}
        self._numbers = itertools.count()
        self._run_queued = Work(lambda number: self._queued.pop(number)())
        self.streams: Dict[int, StubStream] = _Streams(self)
        self.stub.stub_reset(integrated, *self._capability, ctypes.c_size_t(capacity))
        self.stub.stub_launcher(host.library.launch)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.pycuda, name)

    @property
    def capability(self) -> Tuple[int, int]:
        return self._capability

    @capability.setter
    def capability(self, capability: Tuple[int, int]) -> None:
        self._capability = capability
        self.stub.stub_capability(*capability)

    @property
    def capacity(self) -> int:
        return self._capacity

    @capacity.setter
    def capacity(self, bytes_in_all: int) -> None:
        self._capacity = bytes_in_all
        self.stub.stub_capacity(ctypes.c_size_t(bytes_in_all))

    @property
    def taken(self) -> int:
        return int(self.stub.stub_taken())

    @property
    def retained(self) -> int:
        return self.count("retained")

    @property
    def broken(self) -> Optional[str]:
        return self._broken

    @broken.setter
    def broken(self, illegal: Optional[str]) -> None:
        self._broken = illegal
        self.stub.stub_break(ILLEGAL_ADDRESS if illegal else 0)

    def _refuse(self, part_of_call: str) -> None:
        self.stub.stub_refuse(part_of_call.encode())

    def _forget(self, first_letters: str) -> None:
        self.stub.stub_forget(first_letters.encode())

    def _set_exclusive(self, exclusive: bool) -> None:
        self.stub.stub_exclusive(exclusive)

    def _set_absent(self, absent: bool) -> None:
        self.stub.stub_absent(absent)

    # As of `FakeDriver`.
    absent = property(fset=_set_absent)
    refuse = property(fset=_refuse)
    forgotten = property(fset=_forget)
    exclusive = property(fset=_set_exclusive)

    @property
    def pushed(self) -> List[int]:
        threads = (ctypes.c_ulong * MOST_PUSHED)()
        count = self.stub.stub_pushed(threads, MOST_PUSHED)
        # A thread that Python has joined may have yet to take its contexts with it.
        living = {thread.ident for thread in threading.enumerate()}
        return [thread for thread in threads[:count] if thread in living]

    def count(self, what: str) -> int:
        found = int(self.stub.stub_count(what.encode()))
        assert found >= 0, what
        return found

    def left_behind(self) -> Dict[str, int]:
        """What was taken and not given back, and what should never be: all that is not 0."""
        counts = {what: self.count(what) for what in (*LEFT_BEHIND, *MISTAKES)}
        return {what: count for what, count in counts.items() if count}

    def check(self, call: str) -> None:
        """What CUDA asks of every call, asked by another library."""
        if self.stub.stub_answer(call.encode()):
            raise self.pycuda.LogicError(f"{call} failed")

    def queue(self, stream: int, work: Callable[[], None]) -> None:
        """Queues work of another library."""
        number = next(self._numbers)
        self._queued[number] = work
        queued = self.stub.stub_queue(ctypes.c_void_p(stream), self._run_queued, number)
        assert queued, "there is no such stream"

    def inside(self, address: int, size: int) -> np.ndarray:
        """What lies at an address, which must be memory that was not freed."""
        there = self.stub.stub_holds(ctypes.c_ulonglong(address), ctypes.c_size_t(size))
        assert there, "not memory of the device"
        return np.ctypeslib.as_array((ctypes.c_uint8 * size).from_address(address))


class StubStream:
    """A queue of the stub, by its handle."""

    def __init__(self, gpu: StubGpu, handle: int) -> None:
        self._gpu, self._handle = gpu, handle

    def put(self, work: Callable[[], None]) -> None:
        self._gpu.queue(self._handle, work)


class _Streams(Dict[int, StubStream]):
    """Made as they are asked for."""

    def __init__(self, gpu: StubGpu) -> None:
        super().__init__()
        self._gpu = gpu

    def __missing__(self, handle: int) -> StubStream:
        return self.setdefault(handle, StubStream(self._gpu, handle))
