"""One GPU: its context, streams, events, memory and kernels.

The device's primary context is retained and pushed in the thread that enters `CudaDevice`; it is
the context that TensorRT's libraries use too. Every call must come from that thread, or from one
that visits the device meanwhile. What went wrong with a single call is told apart from an error
that sticks, after which CUDA answers nothing until the process ends.
"""

from __future__ import annotations

import threading
import traceback
from contextlib import ExitStack, contextmanager, suppress
from types import TracebackType
from typing import Any, Dict, Final, Iterator, List, Optional, Set, Tuple, Type, TypeVar, Union

import numpy as np

from runtime.cuda import errors, pycuda
from runtime.cuda.context import PrimaryContext
from runtime.cuda.kernels.binaries import code_for, not_loaded
from runtime.cuda.kernels.launch import Launch
from runtime.cuda.streams import Event, Stream, Window
from runtime.errors import RuntimeFault

Handle = TypeVar("Handle", Stream, Event)

# CU_STREAM_NON_BLOCKING, which pycuda has no name for: such a stream waits for no other.
_NON_BLOCKING: Final = 1


class CudaDevice:
    """A GPU, held by the thread that enters the block; everything made of it ends with the block.

    Args:
        driver: `pycuda.driver`; None imports it.
        ordinal: which GPU, in the driver's order.

    Attributes:
        name: as the driver gives it.
        compute_capability: major and minor.
        integrated: whether it shares the processor's memory, as on every Jetson.
        lost: why nothing works any more; None while it does.
    """

    def __init__(self, driver: Optional[pycuda.Driver] = None, ordinal: int = 0) -> None:
        self.name = ""
        self.compute_capability: Tuple[int, int] = (0, 0)
        self.integrated = False
        self.lost: Optional[errors.DeviceLost] = None
        self._given, self._ordinal = driver, ordinal
        self._driver: Any = None
        self._threads: Set[int] = set()
        self._context: Optional[PrimaryContext] = None
        self._resources = ExitStack()
        self._allocations: Dict[int, Any] = {}
        self._handles: List[Union[Stream, Event]] = []
        self._functions: Dict[str, pycuda.Function] = {}
        self._module: Any = None

    def __enter__(self) -> CudaDevice:
        """Retains the primary context, pushes it here and loads the kernels.

        Raises:
            EngineRefused: there is no GPU, or none that the kernels run on.
        """
        driver = self._driver = pycuda.pycuda_driver() if self._given is None else self._given
        try:
            driver.init()
            device = driver.Device(self._ordinal)
            self.name = device.name()
            major, minor = device.compute_capability()
            self.compute_capability = (major, minor)
            self.integrated = bool(device.get_attribute(driver.device_attribute.INTEGRATED))
            code = code_for((major, minor))
            context = PrimaryContext(driver, device)
        except driver.Error as error:
            raise errors.not_started(self._ordinal, error) from error
        self._context = context
        self._threads.add(threading.get_ident())
        self._resources.callback(context.release)
        self._resources.callback(self._leave, context)
        try:
            with self.calling(f"load {code.name}"):
                self._module = driver.module_from_buffer(code.content)
        except RuntimeFault as fault:
            self.__exit__(None, None, None)
            raise not_loaded(fault) from fault
        return self

    def __exit__(
        self,
        kind: Optional[Type[BaseException]],
        error: Optional[BaseException],
        trace: Optional[TracebackType],
    ) -> None:
        # Before the context goes, whoever still holds them: pycuda destroys what is referred to
        # no more under the context, and only in its thread.
        for handle in self._handles:
            handle.release()
        self._handles.clear()
        self._functions.clear()
        self._module = None
        try:
            for address in list(self._allocations):
                self._free(address)
        finally:
            self._resources.close()
            self._threads.clear()
            self._context = None

    def _leave(self, context: PrimaryContext) -> None:
        quiet = suppress(self._driver.Error)
        with quiet if self.lost else self.calling("let go of its context"):
            context.leave()

    @contextmanager
    def visit(self) -> Iterator[None]:
        """Lets this thread call the device too: one thread waits while the owner queues work.

        The block must end before the owner's does.

        Raises:
            EngineFailed: the device is closed.
            EngineRefused: CUDA does not let a second thread have it.
        """
        context = self._context
        if context is None:
            raise errors.device_closed()
        try:
            context.enter()
        except self._driver.Error as error:
            raise errors.exclusive(self._ordinal, error) from error
        self._threads.add(threading.get_ident())
        try:
            yield
        finally:
            try:
                self._leave(context)
            finally:
                self._threads.remove(threading.get_ident())

    @contextmanager
    def calling(self, what: str) -> Iterator[Any]:
        """Gives the driver for calls that do `what`; its errors become ours.

        Args:
            what: the end of "CUDA could not ...".

        Raises:
            WrongThread: this thread does not own the device.
            DeviceLost: the context is broken, by this call or an earlier one.
            DeviceMemoryFull: there is not enough memory.
            CallFailed: CUDA refused; the device goes on working.
        """
        self._require_member()
        if self.lost is not None:
            raise errors.DeviceLost(self.lost.problem, self.lost.cure) from self.lost
        try:
            yield self._driver
        except self._driver.MemoryError as error:
            raise errors.memory_full(what, error) from error
        except self._driver.Error as error:
            # Whoever keeps the error would keep, in pycuda's frames, its stream and its kernel.
            traceback.clear_frames(error.__traceback__)
            if self._answers():
                raise errors.CallFailed(
                    f"CUDA could not {what}: {error}", "Try again; if it stays, report it"
                ) from error
            self.lost = errors.device_lost(what, error)
            raise self.lost from error

    def require_answer(self, what: str) -> None:
        """Waits for all that is under way; finds out whether another library's call broke the GPU.

        Raises:
            DeviceLost: the context answers with an error that sticks.
        """
        with self.calling(what) as driver:
            driver.Context.synchronize()

    def _answers(self) -> bool:
        """Whether the context still works: an error that sticks comes back from every call."""
        try:
            self._driver.Context.synchronize()
        except self._driver.Error:
            return False
        return True

    def _require_member(self) -> None:
        if not self._threads:
            raise errors.device_closed()
        if threading.get_ident() not in self._threads:
            raise errors.WrongThread(
                f"thread {threading.current_thread().name!r} called a GPU of another thread",
                "Hand the work to the device's own thread, see `tensorrt.gpu_thread`",
            )

    @property
    def free_memory(self) -> int:
        """Bytes that can still be taken; on an integrated GPU of the whole machine's."""
        with self.calling("tell its free memory") as driver:
            return int(driver.mem_get_info()[0])

    def stream(self) -> Stream:
        """A new stream, which waits for no other."""
        with self.calling("make a stream") as driver:
            return self._registered(Stream(self, driver.Stream(_NON_BLOCKING)))

    def event(self, blocking: bool = True) -> Event:
        """A new event, which takes the time when it is passed.

        Args:
            blocking: a thread that waits sleeps; else it spins, which answers sooner and takes a
                core.
        """
        with self.calling("make an event") as driver:
            flags = driver.event_flags
            made = driver.Event(flags.BLOCKING_SYNC if blocking else flags.DEFAULT)
            return self._registered(Event(self, made))

    def _registered(self, handle: Handle) -> Handle:
        self._handles.append(handle)
        return handle

    def memory(self, size: int) -> int:
        """The address of `size` new bytes that the device alone reaches."""
        with self.calling(f"take {size} bytes") as driver:
            allocation = driver.mem_alloc(size)
        self._allocations[int(allocation)] = allocation
        return int(allocation)

    def window(self, size: int, staged: bool = False) -> Window:
        """New bytes that both sides reach.

        Args:
            size: how many.
            staged: whether they lie twice and are copied, also where the memory could be mapped;
                off an integrated GPU they always do.
        """
        if staged or not self.integrated:
            address = self.memory(size)
            try:
                return self.mirror(address, size)
            except RuntimeFault:
                self._free(address)
                raise
        array = self._locked(size, self._driver.host_alloc_flags.DEVICEMAP)
        with self.calling("map memory"):
            address = int(self._allocations[array.ctypes.data].get_device_pointer())
        return Window(self, array, address, staged=False)

    def mirror(self, address: int, size: int) -> Window:
        """Host memory for `size` bytes that lie at an address of the device already."""
        return Window(self, self._locked(size), address, staged=True)

    def _locked(self, size: int, flags: int = 0) -> np.ndarray:
        with self.calling(f"lock {size} bytes") as driver:
            array: np.ndarray = driver.pagelocked_empty(size, np.uint8, mem_flags=flags)
        self._allocations[array.ctypes.data] = array.base
        return array

    def release(self, window: Window) -> None:
        """Gives a window back before the block ends; nobody may use it any more."""
        with self.calling("free memory"):
            self._free(window.array.ctypes.data)
            if window.staged:
                self._free(window.address)

    def _free(self, address: int) -> None:
        # pycuda prints what CUDA says against this, and goes on.
        self._allocations.pop(address).free()

    def launch(self, launch: Launch, stream: Stream) -> None:
        """Queues a kernel, with its grid and parameters, behind what is in the stream."""
        with self.calling(f"launch {launch.kernel}"):
            self._function(launch).prepared_async_call(
                launch.grid, launch.block, stream.handle, launch.parameters
            )

    def _function(self, launch: Launch) -> pycuda.Function:
        if launch.kernel not in self._functions:
            function = self._module.get_function(launch.kernel)
            self._functions[launch.kernel] = function.prepare([f"{len(launch.parameters)}s"])
        return self._functions[launch.kernel]

    def fill(self, address: int, word: int, words: int, stream: Stream) -> None:
        """Queues the setting of memory to one value.

        Args:
            address: in the device's memory.
            word: the value, 32 bits.
            words: how many of them.
            stream: takes it behind what is queued already.
        """
        with self.calling("fill memory") as driver:
            driver.memset_d32_async(address, word, words, stream.handle)
