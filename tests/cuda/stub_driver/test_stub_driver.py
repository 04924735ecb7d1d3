"""The stub keeps CUDA's rules, as far as the real pycuda can tell; and pycuda keeps its own."""

from __future__ import annotations

import ctypes
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Iterator

import numpy as np
import pytest

from runtime.cuda.kernels.binaries import code_for
from tests.cuda.kernels.host import HostMachine
from tests.cuda.stub_driver.gpu import StubGpu

pytestmark = [pytest.mark.gxx, pytest.mark.pycuda]


@pytest.fixture
def gpu(host: HostMachine) -> StubGpu:
    gpu = StubGpu(host)
    gpu.init()
    return gpu


@pytest.fixture
def current(gpu: StubGpu) -> Iterator[Any]:
    """The primary context, current in this thread."""
    context = gpu.Device(0).retain_primary_context()
    context.push()
    yield context
    context.pop()
    context.detach()


def test_without_a_context_nothing_is_given_out(gpu: StubGpu) -> None:
    for ask in (gpu.mem_get_info, lambda: gpu.mem_alloc(4), gpu.Context.synchronize):
        with pytest.raises(gpu.LogicError, match="invalid device context"):
            ask()


def test_a_context_of_another_thread_is_none_of_this_one(gpu: StubGpu, current: Any) -> None:
    with ThreadPoolExecutor(1) as threads:
        asked = threads.submit(gpu.mem_get_info)
        with pytest.raises(gpu.LogicError, match="invalid device context"):
            asked.result()


def test_a_context_can_be_current_in_two_threads(gpu: StubGpu, current: Any) -> None:
    def visit() -> int:
        current.push()
        free, _ = gpu.mem_get_info()
        current.pop()
        return int(free)

    with ThreadPoolExecutor(1) as threads:
        assert threads.submit(visit).result() == gpu.capacity
    assert gpu.pushed == [threading.get_ident()]


def test_pycuda_leaves_a_released_context_current_in_its_thread(gpu: StubGpu) -> None:
    def use() -> None:
        context = gpu.Device(0).retain_primary_context()
        context.push()
        context.pop()
        assert gpu.pushed == []
        context.detach()
        assert gpu.pushed == [threading.get_ident()]
        assert gpu.stub.stub_answer(b"any call") == 709, "of a context that is destroyed"

    with ThreadPoolExecutor(1) as threads:
        threads.submit(use).result()
    assert gpu.pushed == [], "the thread took it along"


def test_pycuda_does_not_release_a_context_that_was_not_detached(
    gpu: StubGpu, capfd: pytest.CaptureFixture[str]
) -> None:
    context = gpu.Device(0).retain_primary_context()
    del context
    assert gpu.count("retained") == 1
    assert "cuCtxDetach failed" in capfd.readouterr().err


def test_a_thread_that_ends_with_a_context_pushed_ends_the_process() -> None:
    program = """if True:
        import threading
        from tests.cuda.stub_driver.library import pycuda
        driver = pycuda()
        driver.init()
        context = driver.Device(0).retain_primary_context()
        thread = threading.Thread(target=context.push)
        thread.start()
        thread.join()
    """
    here = Path(__file__).resolve().parent.parent.parent.parent
    ended = subprocess.run(
        [sys.executable, "-c", program],
        cwd=here,
        check=False,
        capture_output=True,
        encoding="utf-8",
    )
    assert ended.returncode < 0
    assert "context stack was not empty" in ended.stderr


def test_memory_ends_where_it_was_said_to(gpu: StubGpu, current: Any) -> None:
    stream, memory = gpu.Stream(1), gpu.mem_alloc(16)
    source = gpu.pagelocked_empty(32, np.uint8)
    with pytest.raises(gpu.LogicError, match="invalid argument"):
        gpu.memcpy_htod_async(int(memory), source, stream)
    with pytest.raises(gpu.LogicError, match="invalid argument"):
        gpu.memset_d32_async(int(memory), 0, 5, stream)
    (ctypes.c_uint8 * 17).from_address(int(memory))[16] = 0
    memory.free()
    assert gpu.left_behind()["overruns"] == 1


def test_memory_that_is_freed_too_early_breaks_the_context(gpu: StubGpu, current: Any) -> None:
    stream, memory = gpu.Stream(1), gpu.mem_alloc(16)
    gpu.memcpy_htod_async(int(memory), gpu.pagelocked_empty(16, np.uint8), stream)
    memory.free()
    for _ in range(2):
        with pytest.raises(gpu.LogicError, match="illegal memory access"):
            stream.synchronize()
    gpu.broken = None


def test_pageable_memory_is_not_copied_from_asynchronously(gpu: StubGpu, current: Any) -> None:
    with pytest.raises(gpu.LogicError, match="invalid argument"):
        gpu.memcpy_htod_async(int(gpu.mem_alloc(16)), np.zeros(16, np.uint8), gpu.Stream(1))


def test_only_mapped_memory_has_an_address_on_the_device(gpu: StubGpu, current: Any) -> None:
    staged = gpu.pagelocked_empty(16, np.uint8)
    with pytest.raises(gpu.LogicError, match="invalid argument"):
        staged.base.get_device_pointer()
    mapped = gpu.pagelocked_empty(16, np.uint8, mem_flags=gpu.host_alloc_flags.DEVICEMAP)
    assert mapped.base.get_device_pointer() == mapped.ctypes.data


def test_nothing_happens_before_somebody_waits(gpu: StubGpu, current: Any) -> None:
    stream, memory = gpu.Stream(1), gpu.mem_alloc(4)
    seen = gpu.pagelocked_empty(4, np.uint8)
    gpu.memset_d32_async(int(memory), 0x01010101, 1, stream)
    gpu.memcpy_dtoh_async(seen, int(memory), stream)
    assert (seen == 0xA5).all()
    stream.synchronize()
    assert (seen == 1).all()


def test_a_mark_that_was_not_passed_has_no_time(gpu: StubGpu, current: Any) -> None:
    stream, start, end = gpu.Stream(1), gpu.Event(), gpu.Event(gpu.event_flags.BLOCKING_SYNC)
    with pytest.raises(gpu.LogicError, match="invalid resource handle"):
        start.time_till(end)
    start.record(stream)
    end.record(stream)
    with pytest.raises(gpu.RuntimeError, match="not ready"):
        start.time_till(end)
    end.synchronize()
    assert start.time_till(end) == 1.0


def test_streams_that_wait_for_the_default_one_are_refused(gpu: StubGpu, current: Any) -> None:
    with pytest.raises(gpu.LogicError, match="invalid argument"):
        gpu.Stream()
    gpu.Event().record()
    assert gpu.left_behind()["on_default_stream"] == 1


def test_no_binary_but_the_device_s_own_is_loaded(gpu: StubGpu, current: Any) -> None:
    gpu.module_from_buffer(code_for((9, 0)).content)
    gpu.module_from_buffer(code_for((7, 0)).content)
    with pytest.raises(gpu.RuntimeError, match="no kernel image"):
        gpu.module_from_buffer(code_for((8, 7)).content)
    with pytest.raises(gpu.LogicError, match="image is invalid"):
        gpu.module_from_buffer(b"\x7fELF, but another")


def test_kernels_are_known_by_name_and_by_the_size_of_their_argument(
    gpu: StubGpu, current: Any
) -> None:
    module = gpu.module_from_buffer(code_for((9, 0)).content)
    with pytest.raises(gpu.LogicError, match="named symbol not found"):
        module.get_function("labels_float64")
    function = module.get_function("resize_labels").prepare(["12s"])
    with pytest.raises(gpu.LogicError, match="cuLaunchKernel failed: invalid argument"):
        function.prepared_async_call((1, 1, 1), (32, 8, 1), gpu.Stream(1), bytes(12))


def test_more_memory_than_there_is_is_pycuda_s_memory_error(gpu: StubGpu, current: Any) -> None:
    with pytest.raises(gpu.MemoryError, match="cuMemAlloc failed: out of memory"):
        gpu.mem_alloc(gpu.capacity + 1)
    held = gpu.mem_alloc(gpu.capacity)
    assert gpu.mem_get_info() == (0, gpu.capacity)
    held.free()
    with pytest.raises(gpu.LogicError, match="invalid resource handle"):
        held.free()


def test_freeing_does_not_raise_what_the_driver_answers(
    gpu: StubGpu, current: Any, capfd: pytest.CaptureFixture[str]
) -> None:
    held = gpu.mem_alloc(4)
    gpu.refuse = "cuMemFree"
    held.free()
    assert "cuMemFree failed: invalid argument" in capfd.readouterr().err
    assert gpu.left_behind()["blocks"] == 1


def test_functions_that_nobody_needs_are_not_supported(gpu: StubGpu, current: Any) -> None:
    with pytest.raises(gpu.LogicError, match="cuMemAllocManaged failed: operation not supported"):
        gpu.managed_empty(4, np.uint8, mem_flags=gpu.mem_attach_flags.GLOBAL)
