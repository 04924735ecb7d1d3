"""Thousands of frames through real pycuda: exact masks, and nothing that grows."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Dict, Iterator

import numpy as np
import pytest

from runtime.inference.backends.tensorrt.engine import TensorRtEngine
from runtime.inference.engine import SegmentOptions
from tests.cuda.kernels.host import HostMachine
from tests.cuda.stub_driver.gpu import StubGpu
from tests.inference.backends.tensorrt.fake_execution import FakeExecution
from tests.inference.backends.tensorrt.test_engine import MANIFEST, plan, plan_build
from tests.inference.backends.tensorrt.test_pipeline import SIZES, frame, truth

__all__ = ["plan"]
pytestmark = [pytest.mark.gxx, pytest.mark.pycuda]
FRAMES_OF_EACH_PIPELINE = 1000
WARM = 100
GROWTH = 2 << 20


def in_memory() -> int:
    """Bytes of this process that lie in memory."""
    return int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1]) * 4096


@pytest.fixture(params=[False, True], ids=["discrete", "integrated"])
def gpu(request: pytest.FixtureRequest, host: HostMachine) -> Iterator[StubGpu]:
    gpu = StubGpu(host, integrated=request.param)
    yield gpu
    assert gpu.left_behind() == {}


def test_three_thousand_frames_take_no_more_than_three_hundred(gpu: Any, plan: Path) -> None:
    frames = [frame(seed, SIZES[seed % 4]) for seed in range(8)]
    masks = [truth(given, "frame") for given in frames]
    trt: Any = FakeExecution(gpu, MANIFEST)
    with TensorRtEngine(MANIFEST, plan_build(), plan).on(trt, gpu) as engine:

        def label(pipeline: int, count: int) -> None:
            for number in range(count):
                nth = (number + pipeline) % len(frames)
                found = engine.pipelines[pipeline].label(frames[nth], SegmentOptions("frame"))
                np.testing.assert_array_equal(found.labels, masks[nth])

        def on_all_pipelines(count: int) -> Dict[str, int]:
            with ThreadPoolExecutor(len(engine.pipelines)) as threads:
                every = range(len(engine.pipelines))
                list(threads.map(label, every, [count] * len(every)))
            return {"taken": gpu.taken, **gpu.left_behind()}

        held, before = on_all_pipelines(WARM), in_memory()
        assert on_all_pipelines(FRAMES_OF_EACH_PIPELINE) == held
        assert in_memory() - before < GROWTH
