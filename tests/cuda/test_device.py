"""The device's own rules, over the stand-in for pycuda and over pycuda itself."""

from __future__ import annotations

import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Callable, Iterator, Tuple

import numpy as np
import pytest

from runtime.cuda.device import CudaDevice
from runtime.cuda.errors import CallFailed, DeviceLost, DeviceMemoryFull, WrongThread
from runtime.cuda.pycuda import pycuda_driver
from runtime.errors import EngineFailed, EngineRefused
from runtime.inference.postprocess.cuda import DeviceLabels, resize_labels_launch
from tests.cuda.fake_cuda import ILLEGAL
from tests.cuda.gpus import kind, left_behind, new_gpu
from tests.cuda.kernels.host import HostMachine

__all__ = ["kind"]
pytestmark = pytest.mark.gxx


@pytest.fixture
def driver(kind: str, host: HostMachine) -> Iterator[Any]:
    """A discrete GPU, of which everything is given back."""
    driver = new_gpu(kind, host)
    yield driver
    assert left_behind(driver) == {}


def in_its_own_thread(work: Callable[[], None]) -> None:
    """A thread takes with it what it has pushed."""
    with ThreadPoolExecutor(1) as threads:
        threads.submit(work).result()


def test_the_context_is_pushed_and_let_go_in_the_thread_that_enters(driver: Any) -> None:
    def use() -> None:
        with CudaDevice(driver) as device:
            device.memory(100)
            device.window(100)
            assert driver.pushed == [threading.get_ident()]
            assert left_behind(driver) != {}

    in_its_own_thread(use)
    assert driver.pushed == []


def test_it_is_let_go_when_the_block_raises(driver: Any) -> None:
    def fail() -> None:
        with CudaDevice(driver) as device:
            device.memory(100)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        in_its_own_thread(fail)
    assert driver.pushed == []


def test_one_device_follows_another_in_the_same_thread(driver: Any) -> None:
    def use() -> None:
        for _ in range(3):
            with CudaDevice(driver) as device:
                device.stream().synchronize()

    in_its_own_thread(use)


def test_threads_hold_a_gpu_at_once_and_share_its_context(driver: Any) -> None:
    all_inside = threading.Barrier(3, timeout=20)

    def use(word: int) -> None:
        with CudaDevice(driver) as device:
            all_inside.wait()
            window, stream = device.window(4), device.stream()
            device.fill(window.address, word, 1, stream)
            window.to_host(4, stream)
            stream.synchronize()
            assert window.array.view(np.uint32)[0] == word
            all_inside.wait()

    with ThreadPoolExecutor(3) as threads:
        list(threads.map(use, range(3)))


def test_another_thread_is_refused_before_cuda_is_called(driver: Any) -> None:
    with CudaDevice(driver) as device, ThreadPoolExecutor(1, "stranger") as threads:
        with pytest.raises(WrongThread, match=r"'stranger_0'.*device's own thread"):
            threads.submit(device.memory, 100).result()
        with pytest.raises(WrongThread):
            threads.submit(device.stream().synchronize).result()
        assert driver.taken == 0


def test_nothing_works_outside_the_block(driver: Any) -> None:
    with CudaDevice(driver) as device:
        stream = device.stream()
    with pytest.raises(EngineFailed, match="closed"):
        stream.synchronize()


@pytest.mark.parametrize("integrated", [False, True])
def test_windows_are_mapped_where_memory_is_shared_and_staged_elsewhere(
    kind: str, host: HostMachine, integrated: bool
) -> None:
    driver = new_gpu(kind, host, integrated)
    with CudaDevice(driver) as device:
        window, stream = device.window(8), device.stream()
        assert window.staged is not integrated
        assert (window.address == window.array.ctypes.data) is integrated
        window.array[:] = 7
        window.to_device(8, stream)
        stream.synchronize()
        window.array[:] = 1 if window.staged else 7
        window.to_host(8, stream)
        if window.staged:
            assert (window.array == 1).all(), "nothing is copied before somebody waits"
        stream.synchronize()
        assert (window.array == 7).all()


def test_a_stream_waits_for_a_mark_in_another(driver: Any) -> None:
    with CudaDevice(driver) as device:
        one, two = device.stream(), device.stream()
        window, start, end = device.window(4), device.event(), device.event(blocking=False)
        window.array[:] = 0
        start.record(one)
        device.fill(window.address, 0x01010101, 1, one)
        end.record(one)
        two.wait_for(end)
        window.to_host(4, two)
        two.synchronize()
        assert (window.array == 1).all()
        end.wait()
        assert start.seconds_till(end) > 0
        assert one.number != two.number


def test_a_refused_call_leaves_the_device_working(driver: Any) -> None:
    with CudaDevice(driver) as device:
        driver.refuse = "cuMemset"
        stream, address = device.stream(), device.memory(4)
        with pytest.raises(CallFailed, match="fill memory: cuMemsetD32Async failed"):
            device.fill(address, 0, 1, stream)
        device.fill(address, 0, 1, stream)
        stream.synchronize()


def test_an_error_that_is_kept_keeps_nothing_of_the_device(driver: Any) -> None:
    with CudaDevice(driver) as device:
        address, stream = device.memory(8), device.stream()
        small, other = DeviceLabels(address, 2), DeviceLabels(address + 4, 2)
        launch = resize_labels_launch(small, (2, 2), other, (2, 2))
        device.launch(launch, stream)
        stream.synchronize()
        driver.refuse = "cuLaunchKernel"
        with pytest.raises(CallFailed, match="launch resize_labels") as kept:
            device.launch(launch, stream)
    assert left_behind(driver) == {}
    assert kept.value.__cause__ is not None


def test_memory_that_is_not_there_is_told_with_the_cure(driver: Any) -> None:
    with CudaDevice(driver) as device:
        assert device.free_memory == driver.capacity
        with pytest.raises(DeviceMemoryFull, match=r"take 1073741824 bytes.*Stop the desktop"):
            device.memory(1 << 30)
        device.memory(100)
        assert device.free_memory == driver.capacity - 100


def test_an_error_that_sticks_is_told_from_one_that_does_not(driver: Any) -> None:
    with CudaDevice(driver) as device:
        stream = device.stream()
        driver.broken = ILLEGAL
        with pytest.raises(DeviceLost, match=r"illegal memory access.*Restart the daemon"):
            stream.synchronize()
        driver.broken = None
        with pytest.raises(DeviceLost):
            stream.synchronize()


def test_a_window_can_be_given_back(driver: Any) -> None:
    with CudaDevice(driver) as device:
        before = driver.taken
        device.release(device.window(100))
        assert driver.taken == before


@pytest.mark.parametrize("capability", [(6, 2), (5, 3)])
def test_a_gpu_that_is_too_old_is_refused(driver: Any, capability: Tuple[int, int]) -> None:
    driver.capability = capability
    with pytest.raises(EngineRefused, match="compute capability"), CudaDevice(driver):
        pass


def test_a_driver_too_old_for_the_kernels_is_told_so_and_let_go(driver: Any) -> None:
    def start() -> None:
        with CudaDevice(driver):
            pass

    driver.refuse = "cuModuleLoad"
    with pytest.raises(EngineRefused, match=r"could not load sm_90\.cubin") as refused:
        in_its_own_thread(start)
    assert "cuda-compat-11-8" in refused.value.cure


def test_pycuda_that_is_missing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pycuda.driver", None)
    with pytest.raises(EngineRefused, match=r"pycuda cannot be imported.*\[tensorrt\]"):
        pycuda_driver()


def test_mirrors_show_what_lies_on_the_device(driver: Any) -> None:
    with CudaDevice(driver) as device:
        address, stream = device.memory(8), device.stream()
        mirror = device.mirror(address, 8)
        device.fill(address, 5, 2, stream)
        mirror.to_host(8, stream)
        stream.synchronize()
        assert mirror.array.view(np.uint32).tolist() == [5, 5]
