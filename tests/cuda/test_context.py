"""No thread ends with a context that pycuda holds to be pushed: pycuda would end the process."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any, Iterator

import pytest

from runtime.cuda.context import PrimaryContext
from tests.cuda.fake_cuda import ILLEGAL
from tests.cuda.gpus import GPUS, new_gpu
from tests.cuda.kernels.host import HostMachine

pytestmark = pytest.mark.gxx


@pytest.fixture(params=GPUS)
def driver(request: pytest.FixtureRequest, host: HostMachine) -> Iterator[Any]:
    driver = new_gpu(request.param, host)
    driver.init()
    yield driver
    assert driver.retained == 0


def test_threads_share_one_context_and_leave_it(driver: Any) -> None:
    def visit(context: PrimaryContext) -> None:
        context.enter()
        driver.Context.synchronize()
        context.leave()

    def own() -> None:
        context = PrimaryContext(driver, driver.Device(0))
        with ThreadPoolExecutor(1) as visitor:
            visitor.submit(visit, context).result()
        driver.Context.synchronize()
        context.leave()
        context.release()
        context.release()

    with ThreadPoolExecutor(1) as owner:
        owner.submit(own).result()


@pytest.mark.parametrize("broken", [None, ILLEGAL], ids=["refused once", "broken"])
def test_threads_are_rid_of_a_context_that_cannot_be_left(driver: Any, broken: str) -> None:
    def visit(context: PrimaryContext) -> None:
        context.enter()
        driver.refuse, driver.broken = "cuCtxPopCurrent", broken
        with pytest.raises(driver.LogicError):
            context.leave()

    def own() -> None:
        context = PrimaryContext(driver, driver.Device(0))
        with ThreadPoolExecutor(1) as visitor:
            visitor.submit(visit, context).result()
        driver.refuse = "cuCtxPopCurrent"
        with pytest.raises(driver.LogicError):
            context.leave()
        context.release()

    # The real pycuda would end the tests with either thread.
    with ThreadPoolExecutor(1) as owner:
        owner.submit(own).result()
    assert driver.pushed == []


def test_a_context_that_cannot_be_entered_is_released(driver: Any) -> None:
    first = PrimaryContext(driver, driver.Device(0))
    driver.exclusive = True
    with ThreadPoolExecutor(1) as other, pytest.raises(driver.LogicError):
        other.submit(PrimaryContext, driver, driver.Device(0)).result()
    driver.exclusive = False
    assert driver.retained == 1
    first.leave()
    first.release()
