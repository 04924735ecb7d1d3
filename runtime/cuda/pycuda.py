"""What the project uses of `pycuda.driver`, as types that carry pycuda's own names.

pycuda cannot be imported where there is no driver, so tests put a stand-in behind these protocols.
"""

# ruff: noqa: D102 - pycuda's own manual describes its methods.
from __future__ import annotations

import importlib
from typing import Any, Callable, List, Optional, Tuple, Type

import numpy as np
from typing_extensions import Protocol

from runtime.errors import EngineRefused


class Context(Protocol):
    """A device's context; `pop` takes the current one off the calling thread."""

    def push(self) -> None: ...
    def pop(self) -> None: ...
    def detach(self) -> None: ...


class Device(Protocol):
    """A GPU."""

    def name(self) -> str: ...
    def compute_capability(self) -> Tuple[int, int]: ...
    def get_attribute(self, attribute: Any) -> int: ...
    def retain_primary_context(self) -> Context: ...


class Event(Protocol):
    """A mark in a stream."""

    def record(self, stream: Stream) -> object: ...
    def synchronize(self) -> object: ...
    def time_till(self, later: Event) -> float: ...


class Stream(Protocol):
    """A queue of the device."""

    @property
    def handle(self) -> int: ...
    def synchronize(self) -> None: ...
    def wait_for_event(self, event: Event) -> None: ...


Queue = Stream
"""Within `Driver`, whose own `Stream` makes one."""


class Allocation(Protocol):
    """Device memory; its address is what `int` gives."""

    def __int__(self) -> int: ...
    def free(self) -> None: ...


class HostAllocation(Protocol):
    """Page-locked memory, the `base` of its array."""

    def get_device_pointer(self) -> int: ...
    def free(self) -> None: ...


class Function(Protocol):
    """A kernel."""

    def prepare(self, arg_types: List[str]) -> Function: ...
    def prepared_async_call(
        self, grid: Tuple[int, ...], block: Tuple[int, ...], stream: Stream, *args: bytes
    ) -> None: ...


class Module(Protocol):
    """A loaded cubin or PTX."""

    def get_function(self, name: str) -> Function: ...


class HostAllocFlags(Protocol):
    """How page-locked memory is reached."""

    DEVICEMAP: int


class EventFlags(Protocol):
    """How an event is waited for."""

    DEFAULT: Any
    BLOCKING_SYNC: Any


class DeviceAttribute(Protocol):
    """What a device can be asked for."""

    INTEGRATED: Any


class Driver(Protocol):
    """The module `pycuda.driver`."""

    Error: Type[Exception]
    MemoryError: Type[Exception]
    Device: Callable[[int], Device]
    Stream: Callable[[int], Stream]
    Event: Callable[[Any], Event]
    host_alloc_flags: HostAllocFlags
    event_flags: EventFlags
    device_attribute: DeviceAttribute

    def init(self) -> None: ...
    def mem_get_info(self) -> Tuple[int, int]: ...
    def mem_alloc(self, size: int) -> Allocation: ...
    def pagelocked_empty(
        self, shape: int, dtype: Any, order: str = "C", mem_flags: int = 0
    ) -> np.ndarray: ...
    def module_from_buffer(self, buffer: bytes) -> Module: ...
    def memcpy_htod_async(
        self, dest: int, src: np.ndarray, stream: Optional[Queue] = None
    ) -> None: ...
    def memcpy_dtoh_async(
        self, dest: np.ndarray, src: int, stream: Optional[Queue] = None
    ) -> None: ...
    def memset_d32_async(
        self, dest: int, data: int, size: int, stream: Optional[Queue] = None
    ) -> None: ...


def pycuda_driver() -> Driver:
    """Imports pycuda, which loads NVIDIA's driver.

    Raises:
        EngineRefused: it is not installed, or there is no driver.
    """
    try:
        driver: Any = importlib.import_module("pycuda.driver")
    except ImportError as error:
        raise EngineRefused(
            f"pycuda cannot be imported: {error}",
            "Install it with `pip install '.[tensorrt]'` in the project's folder; where it is "
            "installed the driver is missing: in a container run with `--runtime nvidia` or "
            "`--gpus all`",
        ) from error
    return driver  # type: ignore[no-any-return]
