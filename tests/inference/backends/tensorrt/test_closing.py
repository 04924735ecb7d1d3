"""The end of an engine: memory outlives its last reader, and a GPU that hangs keeps nobody."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, List

import numpy as np
import pytest

from runtime.cuda.device import CudaDevice
from runtime.errors import EngineFailed
from runtime.inference.backends.tensorrt import gpu_thread
from runtime.inference.backends.tensorrt.engine import TensorRtEngine
from runtime.inference.backends.tensorrt.gpu_thread import DeviceThread
from runtime.inference.engine import SegmentOptions
from tests.cuda.gpus import kind
from tests.inference.backends.tensorrt.fake_execution import FakeExecution
from tests.inference.backends.tensorrt.test_engine import MANIFEST, plan, plan_build
from tests.inference.backends.tensorrt.test_pipeline import frame, gpu, truth

__all__ = ["gpu", "kind", "plan"]
pytestmark = pytest.mark.gxx


def test_memory_stays_until_a_late_frame_is_copied_out(
    gpu: Any, plan: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trt: Any = FakeExecution(gpu, MANIFEST)
    copied: List[bool] = []
    answered, leave = threading.Event(), CudaDevice.__exit__

    def left(device: CudaDevice, *error: Any) -> None:
        copied.append(late.done())
        leave(device, *error)

    monkeypatch.setattr(CudaDevice, "__exit__", left)
    with ThreadPoolExecutor(1) as slot:
        with TensorRtEngine(MANIFEST, plan_build(), plan).on(trt, gpu) as engine:
            pipeline, thread = engine.pipelines[0], engine.pipelines[0]._shared.thread
            run = thread.run

            def slowly(job: Any) -> Any:
                answer = run(job)
                answered.set()
                # Time enough for the memory to go, if nothing waits for this frame.
                threading.Event().wait(0.2)
                return answer

            monkeypatch.setattr(thread, "run", slowly)
            late = slot.submit(pipeline.label, frame(1), SegmentOptions("frame"))
            assert answered.wait(20)
        np.testing.assert_array_equal(late.result(20).labels, truth(frame(1), "frame"))
    assert copied == [True]
    with pytest.raises(EngineFailed, match="the engine is closed"):
        pipeline.label(frame(2), SegmentOptions("frame"))


def test_a_gpu_that_hangs_does_not_keep_who_closes_it(
    gpu: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gpu_thread, "CLOSING_SECONDS", 0.05)
    begun, wakes, ended = (threading.Event() for _ in range(3))

    def hang() -> bool:
        begun.set()
        return wakes.wait(20)

    thread = DeviceThread(CudaDevice(gpu))
    with ThreadPoolExecutor(1) as other:
        thread.__enter__()
        hung = other.submit(thread.call, hang)
        assert begun.wait(20)
        with pytest.raises(EngineFailed, match="did not come to an end"):
            thread.end(ended.set)
        with pytest.raises(EngineFailed, match="did not come to an end"):
            thread.__exit__(None, None, None)
        wakes.set()
        assert hung.result(20)
    assert ended.wait(20), "what ends things is still done when the GPU wakes up"
    for left in (thread._queueing, thread._waiting):
        left.join(20)
