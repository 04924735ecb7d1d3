"""One thread queues, one waits: jobs overlap, answers keep their order, and both threads end."""

from __future__ import annotations

import threading
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, Iterator, List

import pytest

from runtime.cuda.device import CudaDevice
from runtime.errors import EngineFailed, EngineRefused
from runtime.inference.backends.tensorrt.gpu_thread import DEPTH, DeviceThread
from tests.cuda.gpus import GPUS, left_behind, new_gpu
from tests.cuda.kernels.host import HostMachine

pytestmark = pytest.mark.gxx


@pytest.fixture(params=GPUS)
def driver(request: pytest.FixtureRequest, host: HostMachine) -> Iterator[Any]:
    driver = new_gpu(request.param, host)
    yield driver
    assert left_behind(driver) == {}


def device_threads() -> List[str]:
    return [thread.name for thread in threading.enumerate() if "device" in thread.name]


class Slow:
    """A job whose second half waits to be let go."""

    def __init__(self, log: List[str], name: str) -> None:
        self.log, self.name = log, name
        self.begun, self.go = threading.Event(), threading.Event()

    def begin(self) -> None:
        self.log.append(f"begin {self.name}")
        self.begun.set()

    def finish(self) -> str:
        assert self.go.wait(20)
        self.log.append(f"finish {self.name}")
        return self.name


def test_a_job_that_comes_while_another_is_waited_for_is_begun(driver: Any) -> None:
    log: List[str] = []
    jobs = [Slow(log, name) for name in "abcd"]
    with DeviceThread(CudaDevice(driver)) as thread, ThreadPoolExecutor(4) as threads:
        handed: List[Future[Any]] = []
        for job in jobs[:DEPTH]:
            handed.append(threads.submit(thread.run, job))
            # Nothing was let go yet: it is begun while the one before is waited for.
            assert job.begun.wait(20)
        handed.extend(threads.submit(thread.run, job) for job in jobs[DEPTH:])
        for job in jobs:
            job.go.set()
        assert {job.result(20) for job in handed} == set("abcd")
    ends = [line[-1] for line in log if line.startswith("finish")]
    assert ends == [line[-1] for line in log if line.startswith("begin")], "answers out of order"
    for nth, name in enumerate(ends[:-DEPTH]):
        assert log.index(f"finish {name}") < log.index(f"begin {ends[nth + DEPTH]}"), "too many"


def test_a_call_does_not_wait_for_jobs_under_way(driver: Any) -> None:
    with DeviceThread(CudaDevice(driver)) as thread, ThreadPoolExecutor(1) as other:
        job = Slow([], "a")
        handed = other.submit(thread.run, job)
        assert job.begun.wait(20)
        assert thread.call(lambda: thread.device.free_memory) > 0
        assert not handed.done()
        job.go.set()
        handed.result(20)


@pytest.mark.parametrize("half", ["begin", "finish"])
def test_a_job_that_fails_leaves_room_for_the_next(driver: Any, half: str) -> None:
    with DeviceThread(CudaDevice(driver)) as thread:
        for _ in range(3 * DEPTH):
            job = Slow([], "a")
            job.go.set()
            setattr(job, half, lambda: 1 // 0)
            with pytest.raises(ZeroDivisionError):
                thread.run(job)


def test_both_threads_end_with_the_block(driver: Any) -> None:
    with DeviceThread(CudaDevice(driver)) as thread:
        assert sorted(device_threads()) == ["device", "device-answers"]
    assert device_threads() == []
    assert driver.pushed == []
    with pytest.raises(EngineFailed, match="closed"):
        thread.call(int)


def test_a_gpu_that_only_one_thread_can_have_is_refused(driver: Any) -> None:
    driver.exclusive = True
    with pytest.raises(EngineRefused, match="second thread"), DeviceThread(CudaDevice(driver)):
        pass
