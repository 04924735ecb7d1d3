"""What only a GPU can show: contexts across threads, memory over many frames, TensorRT itself."""

from __future__ import annotations

import gzip
import resource
import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Iterator

import numpy as np
import pytest

from runtime.builder.tensorrt.device_plan import add_tensorrt_build, target_on
from runtime.builder.tensorrt.options import PlanOptions
from runtime.cuda.device import CudaDevice
from runtime.cuda.errors import WrongThread
from runtime.device.machine import this_machine
from runtime.image.frame import Frame
from runtime.inference.backends.tensorrt.engine import TensorRtEngine
from runtime.inference.backends.tensorrt.pipeline import TensorRtPipeline
from runtime.inference.engine import SegmentOptions
from runtime.inference.postprocess.cpu import resize_labels
from runtime.inference.postprocess.reference import labels_from_logits
from runtime.repository.engine_folder import EngineFolder

pytestmark = pytest.mark.gpu
DEMO = Path(__file__).resolve().parent.parent.parent / "engines/camvid-demo"
FRAMES = 10_000
GROWTH_KIB = 16 << 10


def test_threads_hold_the_same_gpu_one_after_another_and_at_once() -> None:
    def use(word: int) -> None:
        with CudaDevice() as device:
            window, stream = device.window(4), device.stream()
            device.fill(window.address, word, 1, stream)
            window.to_host(4, stream)
            stream.synchronize()
            assert window.array.view(np.uint32)[0] == word
            assert device.free_memory > 0

    def hold() -> None:
        with CudaDevice() as device, ThreadPoolExecutor(4) as others:
            list(others.map(use, range(4), timeout=60))
            with pytest.raises(WrongThread):
                others.submit(device.memory, 4).result(60)
            assert device.free_memory > 0

    # Not in this thread, in which CUDA would keep the released context current.
    with ThreadPoolExecutor(1) as owner:
        owner.submit(hold).result(120)


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> TensorRtEngine:
    """The demo's float master as a plan of this GPU."""
    pytest.importorskip("tensorrt")
    folder = tmp_path_factory.mktemp("camvid-demo")
    for name in ("manifest.json", "model.onnx", "model.onnx.gz"):
        if (DEMO / name).is_file():
            shutil.copy(str(DEMO / name), str(folder))
    if not (folder / "model.onnx").is_file() and (folder / "model.onnx.gz").is_file():
        (folder / "model.onnx").write_bytes(
            gzip.decompress((folder / "model.onnx.gz").read_bytes())
        )
    if not (folder / "model.onnx").is_file():
        pytest.skip("the demo's float master is not in this checkout")
    manifest = add_tensorrt_build(
        EngineFolder(folder), PlanOptions("fp32"), target_on(this_machine())
    )
    (build,) = [b for b in manifest.builds if b.backend == "tensorrt"]
    return TensorRtEngine(manifest, build, folder / build.artefact)


def frames(engine: Any, count: int) -> Iterator[Frame]:
    height, width = engine.input.shape[:2]
    random = np.random.default_rng(0)
    images = random.integers(0, 256, (8, height // 8, width // 8, 3), dtype=np.uint8)
    large = images.repeat(8, axis=1).repeat(8, axis=2)
    for number in range(count):
        yield Frame(large[number % 8], number, 0.0, "gpu test")


def test_a_pipeline_labels_as_the_slot_s_logits_and_the_reference_do(
    engine: TensorRtEngine,
) -> None:
    with engine:
        (frame,) = frames(engine, 1)
        engine.slots[0].input[...] = frame.pixels
        engine.slots[0].run()
        expected = labels_from_logits(engine.slots[0].output, frame.pixels.shape[:2])
        for pipeline in engine.pipelines:
            found = pipeline.label(frame, SegmentOptions("frame")).labels
            np.testing.assert_array_equal(found, resize_labels(expected, *found.shape))


def test_ten_thousand_frames_take_no_more_memory_than_a_hundred(engine: TensorRtEngine) -> None:
    with engine:
        pipeline = engine.pipelines[0]
        assert isinstance(pipeline, TensorRtPipeline)
        device = pipeline._shared.device
        before = after = (0, 0)
        for frame in frames(engine, FRAMES):
            pipeline.label(frame, SegmentOptions("model"))
            if frame.number == 100:
                before = _free(pipeline, device), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        after = _free(pipeline, device), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert after[0] >= before[0], "device memory was lost"
    assert after[1] - before[1] <= GROWTH_KIB


def _free(pipeline: TensorRtPipeline, device: CudaDevice) -> int:
    return pipeline._shared.thread.call(lambda: device.free_memory)


def test_layers_are_reported(engine: TensorRtEngine) -> None:
    with engine:
        assert '"averageMs"' in engine.layer_times(passes=3)
