"""GPUs that are not there, for tests of what pycuda is asked to do.

The stand-in is a Python module with pycuda's documented API and needs nothing; the other is the
real pycuda over a stub of NVIDIA's driver and needs `make test-pycuda`. The same tests hold for
both, so that the stand-in cannot differ from what it stands for.
"""

from __future__ import annotations

from typing import Any, Callable, Dict

import pytest

from tests.cuda.fake_cuda import FakeDriver
from tests.cuda.kernels.host import HostMachine
from tests.cuda.stub_driver.gpu import StubGpu

MakeGpu = Callable[..., Any]
KINDS: Dict[str, MakeGpu] = {"stand-in": FakeDriver, "pycuda": StubGpu}
GPUS = ["stand-in", pytest.param("pycuda", marks=pytest.mark.pycuda)]


@pytest.fixture(params=GPUS)
def kind(request: pytest.FixtureRequest) -> str:
    """Runs a test once for each kind of GPU."""
    return str(request.param)


def new_gpu(kind: str, host: HostMachine, integrated: bool = False) -> Any:
    """A new GPU of a kind: what `runtime.cuda.device.CudaDevice` takes as `pycuda.driver`."""
    return KINDS[kind](host, integrated)


def left_behind(gpu: Any) -> Dict[str, int]:
    """What was taken of a GPU and not given back: all that is not 0."""
    if isinstance(gpu, StubGpu):
        return gpu.left_behind()
    counts = {"retained": gpu.retained, "blocks": len(gpu.allocations)}
    return {what: count for what, count in counts.items() if count}
