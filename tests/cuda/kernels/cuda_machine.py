"""The kernels on a GPU: the shipped binaries, launched with pycuda."""

from __future__ import annotations

from contextlib import contextmanager
from typing import Any, Callable, Iterator

import numpy as np

from runtime.cuda.kernels.binaries import code_for
from runtime.cuda.kernels.launch import Launch
from tests.cuda.kernels.host import MARGIN


class CudaMachine:
    """The first GPU, whose context is current in this thread.

    Args:
        driver: `pycuda.driver`.
    """

    def __init__(self, driver: Any) -> None:
        self.driver = driver
        self.device = driver.Device(0)
        self._module = driver.module_from_buffer(code_for(self.device.compute_capability()).content)

    def holding(self, array: np.ndarray) -> CudaMemory:
        """A copy of an array for kernels to use."""
        return CudaMemory(self.driver, array)

    def run(self, launch: Launch) -> None:
        """Runs a launch to its end."""
        self.submit(launch)
        self.driver.Context.synchronize()

    def submit(self, launch: Launch) -> None:
        """Hands a launch to the default stream."""
        function = self._module.get_function(launch.kernel)
        function.prepare([f"{len(launch.parameters)}s"])
        function.prepared_call(launch.grid, launch.block, launch.parameters)

    def milliseconds(self, work: Callable[[], None], rounds: int) -> float:
        """Mean time of what `work` submits to the default stream, once it is warm."""
        work()
        start, end = self.driver.Event(), self.driver.Event()
        start.record()
        for _ in range(rounds):
            work()
        end.record()
        end.synchronize()
        return float(start.time_till(end)) / rounds


class CudaMemory:
    """A copy of an array in device memory between two margins, which must stay as they are."""

    def __init__(self, driver: Any, array: np.ndarray) -> None:
        self._driver = driver
        self._array = array
        whole = np.full(array.nbytes + 2 * MARGIN, 0xFF, np.uint8)
        whole[MARGIN:-MARGIN] = np.ascontiguousarray(array).view(np.uint8).reshape(-1)
        self._allocation = driver.mem_alloc(whole.nbytes)
        driver.memcpy_htod(self._allocation, whole)

    @property
    def address(self) -> int:
        return int(self._allocation) + MARGIN

    def read(self) -> np.ndarray:
        """The array as kernels left it."""
        whole = np.empty(self._array.nbytes + 2 * MARGIN, np.uint8)
        self._driver.memcpy_dtoh(whole, self._allocation)
        assert (whole[:MARGIN] == 0xFF).all(), "written before the start"
        assert (whole[-MARGIN:] == 0xFF).all(), "written beyond the end"
        return whole[MARGIN:-MARGIN].view(self._array.dtype).reshape(self._array.shape)


@contextmanager
def cuda_machine() -> Iterator[CudaMachine]:
    """The first GPU with its primary context, for as long as the block lasts."""
    from pycuda import driver

    driver.init()
    context = driver.Device(0).retain_primary_context()
    context.push()
    try:
        yield CudaMachine(driver)
    finally:
        context.pop()
        # pycuda does not release a primary context of its own accord.
        context.detach()
