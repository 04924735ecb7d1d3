from __future__ import annotations

from typing import Iterator

import pytest

from tests.cuda.kernels.cuda_machine import cuda_machine
from tests.cuda.kernels.machine import Machine
from tests.cuda.stub_driver.gpu import StubGpu


@pytest.fixture(
    scope="module",
    params=[
        pytest.param("host", marks=pytest.mark.gxx),
        pytest.param("cuda", marks=pytest.mark.gpu),
        pytest.param("pycuda", marks=[pytest.mark.gxx, pytest.mark.pycuda]),
    ],
)
def machine(request: pytest.FixtureRequest) -> Iterator[Machine]:
    """Everything that runs the kernels: the same tests hold for all."""
    if request.param == "host":
        yield request.getfixturevalue("host")
        return
    if request.param == "pycuda":
        # The GPU that pycuda will find.
        StubGpu(request.getfixturevalue("host"))
    with cuda_machine() as gpu:
        yield gpu
