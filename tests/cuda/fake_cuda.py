"""A GPU on the host behind pycuda's documented API, with its rules.

Memory is NumPy's, kernels are the real sources compiled for the host. What is queued on a stream is
done only when somebody waits for it, so that a forgotten wait shows as a wrong result. A call
without a current context, on the default stream, or with freed memory is an error.
"""

from __future__ import annotations

import sys
import threading
from enum import IntEnum
from typing import Any, Dict, List, Optional, Tuple

import numpy as np

from runtime.cuda.kernels.binaries import code_for
from runtime.cuda.kernels.launch import Launch
from tests.cuda.fake_cuda_contexts import FakeContext, FakeCurrentContext
from tests.cuda.fake_cuda_streams import (
    Error,
    FakeEvent,
    FakeStream,
    LogicError,
    RuntimeError,  # noqa: A004 - pycuda's own name
)
from tests.cuda.kernels.host import HostMachine

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
    """Memory that CUDA gave out, of the device or the host; garbage until written."""

    def __init__(self, driver: FakeDriver, size: int, host: bool = False) -> None:
        driver.check("cuMemHostAlloc" if host else "cuMemAlloc")
        self.driver, self.on_device = driver, driver.integrated or not host
        if self.on_device and driver.taken + size > driver.capacity:
            raise MemoryError("cuMemAlloc failed: out of memory")
        self.content = np.full(size, GARBAGE, np.uint8)
        self.address = int(self.content.ctypes.data)
        self.freed = False
        driver.allocations[self.address] = self

    def __int__(self) -> int:
        return self.address

    def get_device_pointer(self) -> int:
        self.driver.check("cuMemHostGetDevicePointer")
        assert self.driver.integrated, "a discrete GPU would read it over the bus"
        return self.address

    def free(self) -> None:
        """Ends it; what CUDA says against that is printed by pycuda, not raised."""
        if self.freed:
            raise LogicError("device_allocation::free failed: invalid resource handle")
        self.freed = True
        try:
            self.driver.check("cuMemFree")
        except LogicError as error:
            print(f"PyCUDA WARNING: a clean-up operation failed: {error}", file=sys.stderr)  # noqa: T201
        else:
            del self.driver.allocations[self.address]

    @property
    def __array_interface__(self) -> Dict[str, Any]:
        return dict(self.content.__array_interface__)


class FakeDevice:
    """GPU 0."""

    def __init__(self, driver: FakeDriver, ordinal: int) -> None:
        assert driver.initialised, "init() comes first"
        if ordinal:
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
        return FakeContext(self.driver)


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
        self.driver.own(stream).put(lambda: self.driver.compute(launch))
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

    Attributes:
        exclusive: whether a context can be current in one thread only.
        forgotten: kernels whose names begin so are launched and do nothing.
        refuse: part of the name of a call that is refused, once.
        broken: the error that all calls answer with.
    """

    Error, LogicError = Error, LogicError
    MemoryError, RuntimeError = MemoryError, RuntimeError
    host_alloc_flags = event_flags = device_attribute = Flag

    def __init__(
        self, host: HostMachine, integrated: bool = False, capacity: int = 1 << 28
    ) -> None:
        self.host, self.integrated, self.capacity = host, integrated, capacity
        self.capability = (7, 2) if integrated else (9, 0)
        self.initialised = self.absent = self.exclusive = False
        self.forgotten: Optional[str] = None
        self.broken: Optional[str] = None
        self.refuse: Optional[str] = None
        self.retained = 0
        self.clock = 0.0
        self.working = threading.RLock()
        # pycuda's own, of all threads.
        self.stacks: List[Tuple[threading.Thread, FakeContext]] = []
        self.launched: List[str] = []
        self.streams: Dict[int, FakeStream] = {}
        self.allocations: Dict[int, FakeAllocation] = {}
        self.Context = FakeCurrentContext(self)

    def init(self) -> None:
        if self.absent:
            raise RuntimeError("cuInit failed: no CUDA-capable device is detected")
        self.initialised = True

    @property
    def pushed(self) -> List[int]:
        """The threads of all contexts that are pushed."""
        return [int(thread.ident or 0) for thread, _ in self.stacks]

    def stack(self) -> List[Tuple[threading.Thread, FakeContext]]:
        """What is pushed in this thread."""
        return [held for held in self.stacks if held[0] is threading.current_thread()]

    def check(self, call: str) -> None:
        """What CUDA asks of every call."""
        if threading.get_ident() not in self.pushed:
            raise LogicError(f"{call} failed: invalid device context")
        if self.broken is not None:
            raise LogicError(self.broken)
        if self.refuse is not None and self.refuse in call:
            self.refuse = None
            raise LogicError(f"{call} failed: invalid argument")

    def compute(self, launch: Launch) -> None:
        if self.forgotten is None or not launch.kernel.startswith(self.forgotten):
            self.host.run(launch)

    def own(self, stream: Optional[FakeStream]) -> FakeStream:
        assert isinstance(stream, FakeStream), "work on the default stream"
        return stream

    @property
    def taken(self) -> int:
        return sum(held.content.size for held in self.allocations.values() if held.on_device)

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
        return np.asarray(FakeAllocation(self, shape, host=True))

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
