"""A GPU on the host behind pycuda's documented API, with its rules.

Memory is NumPy's, kernels are the real sources compiled for the host. What is queued on a stream is
done only when somebody waits for it, so that a forgotten wait shows as a wrong result. A call
without a current context, on the default stream, or with freed memory is an error.
"""

from __future__ import annotations

import threading
from enum import IntEnum
from typing import Any, Dict, List, Optional, Tuple

import numpy as np

from runtime.kernels.binaries import code_for
from runtime.kernels.launch import Launch
from tests.fake_cuda_streams import Error, FakeEvent, FakeStream, LogicError
from tests.kernels.host import HostMachine

GARBAGE = 0xA5
ILLEGAL = "cuEventSynchronize failed: an illegal memory access was encountered"


class MemoryError(Error):  # noqa: A001 - pycuda's own name
    """Not enough memory."""


class Flag(IntEnum):
    """Stands for pycuda's enumerations."""

    INTEGRATED = 18
    DEFAULT = 0
    BLOCKING_SYNC = 1
    DEVICEMAP = 2


class FakeAllocation:
    """Memory that CUDA gave out; garbage until written."""

    def __init__(self, driver: FakeDriver, size: int) -> None:
        driver.check("cuMemAlloc")
        if driver.taken + size > driver.capacity:
            raise MemoryError("cuMemAlloc failed: out of memory")
        self.driver = driver
        self.content = np.full(size, GARBAGE, np.uint8)
        self.address = int(self.content.ctypes.data)
        driver.allocations[self.address] = self

    def __int__(self) -> int:
        return self.address

    def get_device_pointer(self) -> int:
        self.driver.check("cuMemHostGetDevicePointer")
        assert self.driver.integrated, "a discrete GPU would read it over the bus"
        return self.address

    def free(self) -> None:
        self.driver.check("cuMemFree")
        del self.driver.allocations[self.address]

    @property
    def __array_interface__(self) -> Dict[str, Any]:
        return dict(self.content.__array_interface__)


class FakeContext:
    """A primary context; `pop` and `synchronize` are of the current one, as pycuda has them."""

    def __init__(self, driver: FakeDriver) -> None:
        self.driver = driver

    def push(self) -> None:
        self.driver.pushed.append(threading.get_ident())

    def pop(self) -> None:
        assert threading.get_ident() in self.driver.pushed, "popped by another thread"
        self.driver.pushed.remove(threading.get_ident())

    def detach(self) -> None:
        self.driver.retained -= 1

    def synchronize(self) -> None:
        self.driver.check("cuCtxSynchronize")
        for stream in self.driver.streams.values():
            stream.run_until(lambda: False)
        self.driver.check("cuCtxSynchronize")


class FakeDevice:
    """GPU 0."""

    def __init__(self, driver: FakeDriver, ordinal: int) -> None:
        assert driver.initialised, "init() comes first"
        if ordinal or driver.absent:
            raise LogicError("cuDeviceGet failed: invalid device ordinal")
        self.driver = driver

    def name(self) -> str:
        return "Host"

    def compute_capability(self) -> Tuple[int, int]:
        return self.driver.capability

    def get_attribute(self, attribute: int) -> int:
        assert attribute == Flag.INTEGRATED
        return int(self.driver.integrated)

    def retain_primary_context(self) -> FakeContext:
        self.driver.retained += 1
        return self.driver.Context


class FakeFunction:
    """A kernel of the loaded module."""

    def __init__(self, driver: FakeDriver, name: str) -> None:
        self.driver, self.name, self.size = driver, name, 0

    def prepare(self, arg_types: List[str]) -> FakeFunction:
        (only,) = arg_types
        assert only.endswith("s")
        self.size = int(only[:-1])
        return self

    def prepared_async_call(
        self, grid: Tuple[int, int, int], block: Tuple[int, int, int], stream: Any, *args: bytes
    ) -> None:
        self.driver.check(f"cuLaunchKernel {self.name}")
        (parameters,) = args
        assert len(parameters) == self.size, "prepared for other arguments"
        launch = Launch(self.name, grid, block, parameters)
        self.driver.own(stream).put(lambda: self.driver.host.run(launch))
        self.driver.launched.append(self.name)


class FakeModule:
    """The loaded binary."""

    def __init__(self, driver: FakeDriver) -> None:
        self.driver = driver

    def get_function(self, name: str) -> FakeFunction:
        self.driver.check("cuModuleGetFunction")
        return FakeFunction(self.driver, name)


class FakeDriver:
    """The module `pycuda.driver` of a machine with one GPU.

    Args:
        host: runs the kernels.
        integrated: whether the GPU shares the host's memory.
        capacity: bytes of its memory.
    """

    Error, MemoryError, LogicError = Error, MemoryError, LogicError
    host_alloc_flags = event_flags = device_attribute = Flag

    def __init__(
        self, host: HostMachine, integrated: bool = False, capacity: int = 1 << 28
    ) -> None:
        self.host, self.integrated, self.capacity = host, integrated, capacity
        self.capability = (7, 2) if integrated else (9, 0)
        self.initialised = self.absent = False
        self.broken: Optional[str] = None
        self.refuse: Optional[str] = None
        self.retained = 0
        self.clock = 0.0
        self.working = threading.RLock()
        self.pushed: List[int] = []
        self.launched: List[str] = []
        self.streams: Dict[int, FakeStream] = {}
        self.allocations: Dict[int, FakeAllocation] = {}
        self.Context = FakeContext(self)

    def init(self) -> None:
        self.initialised = True

    def check(self, call: str) -> None:
        """What CUDA asks of every call."""
        if threading.get_ident() not in self.pushed:
            raise LogicError(f"{call} failed: invalid device context")
        if self.broken is not None:
            raise LogicError(self.broken)
        if self.refuse is not None and self.refuse in call:
            self.refuse = None
            raise LogicError(f"{call} failed: invalid argument")

    def own(self, stream: Optional[FakeStream]) -> FakeStream:
        assert isinstance(stream, FakeStream), "work on the default stream"
        return stream

    @property
    def taken(self) -> int:
        return sum(held.content.size for held in self.allocations.values())

    def mem_get_info(self) -> Tuple[int, int]:
        self.check("cuMemGetInfo")
        return self.capacity - self.taken, self.capacity

    def Device(self, ordinal: int) -> FakeDevice:  # noqa: N802 - pycuda's own name
        return FakeDevice(self, ordinal)

    def Stream(self, flags: int = 0) -> FakeStream:  # noqa: N802
        return FakeStream(self, flags)

    def Event(self, flags: int = 0) -> FakeEvent:  # noqa: N802
        return FakeEvent(self, flags)

    def mem_alloc(self, size: int) -> FakeAllocation:
        return FakeAllocation(self, size)

    def pagelocked_empty(
        self, shape: int, dtype: Any, order: str = "C", mem_flags: int = 0
    ) -> np.ndarray:
        assert dtype is np.uint8
        assert mem_flags in (0, Flag.DEVICEMAP)
        return np.asarray(FakeAllocation(self, shape))

    def module_from_buffer(self, buffer: bytes) -> FakeModule:
        self.check("cuModuleLoadDataEx")
        assert buffer == code_for(self.capability).content
        return FakeModule(self)

    def inside(self, address: int, size: int) -> np.ndarray:
        """What lies at an address, which must be memory that was not freed."""
        for start, held in self.allocations.items():
            if start <= address and address + size <= start + held.content.size:
                return held.content[address - start :][:size]
        raise LogicError("cuMemcpy failed: invalid argument")

    def memcpy_htod_async(self, dest: int, src: np.ndarray, stream: Any = None) -> None:
        self.check("cuMemcpyHtoDAsync")
        target = self.inside(dest, src.nbytes)
        self.own(stream).put(lambda: np.copyto(target, src))

    def memcpy_dtoh_async(self, dest: np.ndarray, src: int, stream: Any = None) -> None:
        self.check("cuMemcpyDtoHAsync")
        source = self.inside(src, dest.nbytes)
        self.own(stream).put(lambda: np.copyto(dest, source))

    def memset_d32_async(self, dest: int, data: int, size: int, stream: Any = None) -> None:
        self.check("cuMemsetD32Async")
        target = self.inside(dest, 4 * size).view(np.uint32)
        self.own(stream).put(lambda: target.fill(data))
