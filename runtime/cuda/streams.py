"""What a `device.CudaDevice` hands out: streams, events in them, and memory of both sides."""

from __future__ import annotations

from typing import Any, ContextManager

import numpy as np
from typing_extensions import Protocol

from runtime.cuda import pycuda


class Caller(Protocol):
    """What guards every call; see `device.CudaDevice.calling`."""

    def calling(self, what: str) -> ContextManager[Any]:
        """Gives the driver for calls that do `what`; its errors become ours."""


class Stream:
    """A queue of the device: what is put into it runs in order, beside other streams."""

    def __init__(self, device: Caller, stream: pycuda.Stream) -> None:
        self._device = device
        self.handle = stream

    def release(self) -> None:
        """Gives it back to CUDA; it cannot be used any more."""
        del self.handle

    @property
    def number(self) -> int:
        """Its CUDA handle, as other libraries take it."""
        return self.handle.handle

    def wait_for(self, event: Event) -> None:
        """Holds what is queued from now on until another stream has passed `event`."""
        with self._device.calling("wait for another stream"):
            self.handle.wait_for_event(event.handle)

    def synchronize(self) -> None:
        """Waits until everything queued is done."""
        with self._device.calling("finish a stream"):
            self.handle.synchronize()


class Event:
    """A point in a stream, and the time at which the device passed it."""

    def __init__(self, device: Caller, event: pycuda.Event) -> None:
        self._device = device
        self.handle = event

    def release(self) -> None:
        """Gives it back to CUDA; it cannot be used any more."""
        del self.handle

    def record(self, stream: Stream) -> None:
        """Puts the event behind what is queued; recorded again, it moves."""
        with self._device.calling("record an event"):
            self.handle.record(stream.handle)

    def wait(self) -> None:
        """Waits until the device has passed the event."""
        with self._device.calling("compute"):
            self.handle.synchronize()

    def seconds_till(self, later: Event) -> float:
        """Seconds between two events that were passed, on the device's clock."""
        with self._device.calling("time a stage"):
            return self.handle.time_till(later.handle) / 1000


class Window:
    """Bytes that both sides reach: one mapped memory, or two that copies keep equal.

    Attributes:
        array: (size,) uint8, the processor's side.
        address: the device's side.
        staged: whether there are two, so that bytes have to be copied.
    """

    def __init__(self, device: Caller, array: np.ndarray, address: int, staged: bool) -> None:
        self.array = array
        self.address = address
        self.staged = staged
        self._device = device

    def to_device(self, size: int, stream: Stream) -> None:
        """Queues the copy to the device; mapped memory needs none.

        Args:
            size: how many of the first bytes.
            stream: takes the copy behind what is queued already.
        """
        if self.staged:
            with self._device.calling("copy to the GPU") as driver:
                driver.memcpy_htod_async(self.address, self.array[:size], stream.handle)

    def to_host(self, size: int, stream: Stream) -> None:
        """Queues the copy from the device; mapped memory needs none.

        Args:
            size: how many of the first bytes.
            stream: takes the copy behind what is queued already.
        """
        if self.staged:
            with self._device.calling("copy from the GPU") as driver:
                driver.memcpy_dtoh_async(self.array[:size], self.address, stream.handle)
