"""Frames taken over a GPU that is not there: exact masks, in order, never another frame's."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Callable, Iterator, List, Tuple

import numpy as np
import pytest

from runtime.cuda.errors import CallFailed, DeviceLost, DeviceMemoryFull, WrongThread
from runtime.errors import EngineFailed
from runtime.image.codec import blend
from runtime.image.frame import Frame
from runtime.image.label_map import LabelMap
from runtime.image.yuv import YuvCoding
from runtime.inference.backends.tensorrt.buffers import STAMP_BYTES
from runtime.inference.backends.tensorrt.engine import TensorRtEngine
from runtime.inference.engine import MaskSize, SegmentOptions
from runtime.inference.letterbox import place
from runtime.inference.postprocess.cpu import resize_labels
from runtime.inference.postprocess.cuda import TALLY_BYTES
from runtime.inference.postprocess.reference import labels_from_logits
from runtime.inference.preprocess.reference import fitted, fitted_nv12, normalised
from runtime.inference.segmenter import segmenters_of
from runtime.serving.worker import Worker
from tests.cuda.fake_cuda import ILLEGAL
from tests.cuda.gpus import kind, left_behind, new_gpu
from tests.cuda.kernels.host import HostMachine
from tests.inference.backends.tensorrt.fake_execution import Behaviour, FakeExecution, logits_of
from tests.inference.backends.tensorrt.test_engine import MANIFEST, driver, plan, plan_build
from tests.serving.workers import Counted

__all__ = ["driver", "kind", "plan"]
pytestmark = pytest.mark.gxx
SIZES = [(32, 64), (48, 192), (96, 24), (31, 77)]


@pytest.fixture(params=[False, True], ids=["discrete", "integrated"])
def gpu(request: pytest.FixtureRequest, kind: str, host: HostMachine) -> Iterator[Any]:
    gpu = new_gpu(kind, host, integrated=request.param)
    yield gpu
    assert gpu.broken or left_behind(gpu) == {}


@pytest.fixture
def behaviour() -> Behaviour:
    return Behaviour()


@pytest.fixture
def engine(gpu: Any, plan: Path, behaviour: Behaviour) -> Iterator[TensorRtEngine]:
    trt: Any = FakeExecution(gpu, MANIFEST, behaviour=behaviour)
    with TensorRtEngine(MANIFEST, plan_build(), plan).on(trt, gpu) as engine:
        yield engine


def frame(seed: int, size: Tuple[int, int] = (48, 192)) -> Frame:
    """Blocks of the palette's colours, with noise, another for each seed."""
    random = np.random.default_rng(seed)
    palette = np.array(MANIFEST.classes.palette, np.int64)[:, ::-1]
    blocks = palette[random.integers(0, len(palette), (13, 13))]
    pixels = blocks[np.arange(size[0]) * 13 // size[0]][:, np.arange(size[1]) * 13 // size[1]]
    noisy = np.clip(pixels + random.integers(-20, 20, pixels.shape), 0, 255)
    return Frame(noisy.astype(np.uint8), seed, 0.0, "test")


def truth(given: Frame, size: MaskSize) -> np.ndarray:
    """The mask by the references alone."""
    return masked(fitted(given.pixels, MANIFEST.input), given, size)


def masked(image: np.ndarray, given: Frame, size: MaskSize) -> np.ndarray:
    """The mask of a frame that was fitted into the input."""
    logits = logits_of(normalised(image, MANIFEST.input)[0], MANIFEST)
    labels = labels_from_logits(np.ascontiguousarray(logits.transpose(1, 2, 0)), (32, 64))
    placement = place(given.height, given.width, MANIFEST.input)
    shown = labels[placement.rows, placement.columns]
    return shown if size == "model" else resize_labels(shown, given.height, given.width)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("mask", ["frame", "model"])
def test_masks_are_exact(engine: TensorRtEngine, size: Tuple[int, int], mask: MaskSize) -> None:
    given = frame(1, size)
    found = engine.pipelines[0].label(given, SegmentOptions(mask, image=True))
    np.testing.assert_array_equal(found.labels, truth(given, mask))
    assert len(np.unique(found.labels)) > 1, "a mask of one class would prove little"
    placement = place(*size, MANIFEST.input)
    seen = np.rint(fitted(given.pixels, MANIFEST.input))[placement.rows, placement.columns]
    assert found.image is not None
    assert found.image.shape == seen.shape
    assert np.abs(found.image - seen).max() <= 1


@pytest.mark.parametrize("mask", ["frame", "model"])
def test_a_camera_s_nv12_is_taken_as_it_came(engine: TensorRtEngine, mask: MaskSize) -> None:
    random = np.random.default_rng(5)
    blocks = random.integers(0, 256, (9, 16), dtype=np.uint8).repeat(8, 0).repeat(6, 1)
    coding = YuvCoding("bt601", full_range=True)
    given = Frame(blocks, 1, 0.0, "camera", "nv12", coding)
    assert (given.height, given.width) == (48, 96)
    image = fitted_nv12(blocks[:48], blocks[48:].reshape(24, 48, 2), coding, MANIFEST.input)
    found = engine.pipelines[0].label(given, SegmentOptions(mask))
    np.testing.assert_array_equal(found.labels, masked(image, given, mask))
    assert len(np.unique(found.labels)) > 1


def test_what_nobody_wants_is_not_copied_back(engine: TensorRtEngine, gpu: Any) -> None:
    copied: List[int] = []
    copy = gpu.memcpy_dtoh_async

    def counting(dest: np.ndarray, *rest: Any) -> None:
        copied.append(dest.nbytes)
        copy(dest, *rest)

    gpu.memcpy_dtoh_async = counting
    mask, tally = 32 * 64, TALLY_BYTES + STAMP_BYTES
    found = engine.pipelines[0].label(frame(1, (32, 64)), SegmentOptions("model"))
    assert found.image is None
    assert found.overlay is None
    assert copied == ([tally] if gpu.integrated else [mask, tally])
    assert (
        engine.pipelines[0].label(frame(1, (32, 64)), SegmentOptions("model", image=True)).image
        is not None
    )


@pytest.mark.parametrize("size", SIZES)
def test_overlays_are_drawn_where_labels_are_made(
    engine: TensorRtEngine, size: Tuple[int, int]
) -> None:
    found = engine.pipelines[0].label(
        frame(1, size), SegmentOptions("model", image=True, overlay=0.35)
    )
    assert found.image is not None
    assert found.overlay is not None
    drawn = blend(found.image, LabelMap(found.labels, MANIFEST.classes.to_classes()), 0.35)
    assert np.abs(found.overlay.astype(int) - drawn).max() <= 1
    alone = engine.pipelines[0].label(frame(1, size), SegmentOptions("frame", overlay=0.35))
    np.testing.assert_array_equal(alone.overlay, found.overlay)


def test_larger_and_smaller_frames_follow_each_other(engine: TensorRtEngine, gpu: Any) -> None:
    sizes = [(32, 64), (200, 300), (10, 10), (200, 300), (48, 192)]
    for seed, size in enumerate(sizes):
        found = engine.pipelines[0].label(frame(seed, size), SegmentOptions("frame"))
        np.testing.assert_array_equal(found.labels, truth(frame(seed, size), "frame"))
    taken = gpu.taken
    engine.pipelines[0].label(frame(9, (200, 300)), SegmentOptions("frame"))
    assert gpu.taken == taken, "what has grown once is kept"


def test_frames_on_all_pipelines_at_once_get_their_own_masks(engine: TensorRtEngine) -> None:
    segmenters = segmenters_of(MANIFEST, engine)
    assert len(segmenters) == 3

    def many(nth: int) -> List[bool]:
        frames = [frame(100 * nth + index, SIZES[index % 4]) for index in range(12)]
        found = [segmenters[nth].segment(given).labels.labels for given in frames]
        return [(mask == truth(given, "frame")).all() for mask, given in zip(found, frames)]

    with ThreadPoolExecutor(len(segmenters)) as threads:
        assert all(map(all, threads.map(many, range(len(segmenters)))))


def test_stages_are_timed_by_the_device(engine: TensorRtEngine) -> None:
    timings = engine.pipelines[0].label(frame(1), SegmentOptions("model")).timings
    assert set(timings) == {"preprocess", "infer", "postprocess"}
    assert min(timings.values()) > 0


@pytest.mark.parametrize("call", ["preprocess", "labels_float32", "resize_labels", "cuMemset"])
def test_a_frame_that_fails_does_not_touch_the_next(
    engine: TensorRtEngine, gpu: Any, call: str
) -> None:
    gpu.refuse = call
    with pytest.raises(CallFailed, match="invalid argument"):
        engine.pipelines[0].label(frame(1), SegmentOptions("frame"))
    for seed in (2, 3):
        found = engine.pipelines[0].label(frame(seed), SegmentOptions("frame"))
        np.testing.assert_array_equal(found.labels, truth(frame(seed), "frame"))


def test_a_frame_too_large_for_the_memory_fails_alone(engine: TensorRtEngine, gpu: Any) -> None:
    gpu.capacity, held = gpu.taken + 100_000, left_behind(gpu)["blocks"]
    with pytest.raises(DeviceMemoryFull, match="bytes"):
        engine.pipelines[0].label(frame(1, (500, 500)), SegmentOptions("frame"))
    gpu.capacity, gpu.refuse = 1 << 28, "cuMemHostAlloc"
    with pytest.raises(CallFailed, match="lock"):
        engine.pipelines[0].label(frame(1, (500, 500)), SegmentOptions("frame"))
    assert left_behind(gpu)["blocks"] == held, "half of a window is left behind"
    np.testing.assert_array_equal(
        engine.pipelines[0].label(frame(2), SegmentOptions("frame")).labels,
        truth(frame(2), "frame"),
    )


def forgotten(name: str) -> Callable[..., None]:
    """Stands for a call that never reached the device."""

    def nothing(*_: Any, **__: Any) -> None:
        return None

    nothing.__name__ = name
    return nothing


@pytest.mark.parametrize(
    ("call", "told"),
    [
        ("memcpy_dtoh_async", "number 2779096485|number 4294967295|not all finite"),
        ("memset_d32_async", "bear the number"),
    ],
)
def test_a_step_that_never_ran_is_found_out(
    kind: str, host: HostMachine, plan: Path, call: str, told: str
) -> None:
    gpu = new_gpu(kind, host)
    trt: Any = FakeExecution(gpu, MANIFEST)
    with TensorRtEngine(MANIFEST, plan_build(), plan).on(trt, gpu) as engine:
        engine.pipelines[0].label(frame(1), SegmentOptions("model"))
        setattr(gpu, call, forgotten(call))
        with pytest.raises(EngineFailed, match=told):
            engine.pipelines[0].label(frame(2), SegmentOptions("model"))


def test_labels_that_were_never_written_are_not_returned(engine: TensorRtEngine, gpu: Any) -> None:
    engine.pipelines[0].label(frame(1), SegmentOptions("model"))
    gpu.forgotten = "labels"
    with pytest.raises(EngineFailed, match="0 pixels were labelled"):
        engine.pipelines[0].label(frame(2), SegmentOptions("model"))


def test_logits_that_are_no_numbers_give_no_mask(
    engine: TensorRtEngine, behaviour: Behaviour
) -> None:
    behaviour.poison = float("nan")
    with pytest.raises(EngineFailed, match="finite"):
        engine.pipelines[0].label(frame(1), SegmentOptions("model"))


def test_a_lost_gpu_fails_every_pipeline(kind: str, host: HostMachine, plan: Path) -> None:
    gpu = new_gpu(kind, host)
    trt: Any = FakeExecution(gpu, MANIFEST)
    with TensorRtEngine(MANIFEST, plan_build(), plan).on(trt, gpu) as engine:
        gpu.broken = ILLEGAL
        for pipeline in engine.pipelines:
            with pytest.raises(DeviceLost):
                pipeline.label(frame(1), SegmentOptions("model"))


def test_a_lost_gpu_makes_the_daemon_s_worker_fail(
    kind: str, host: HostMachine, plan: Path
) -> None:
    gpu = new_gpu(kind, host)
    counted = Counted()
    faults: List[EngineFailed] = []
    trt: Any = FakeExecution(gpu, MANIFEST)
    with TensorRtEngine(MANIFEST, plan_build(), plan).on(trt, gpu) as engine:
        pipelines = segmenters_of(MANIFEST, engine)
        with Worker(pipelines, 4, counted.metrics, faults.append) as worker:
            served = worker.submit(
                lambda pipeline: pipeline.segment(frame(1)).labels.labels
            ).result(20)
            np.testing.assert_array_equal(served, truth(frame(1), "frame"))
            gpu.broken = ILLEGAL
            with pytest.raises(DeviceLost):
                worker.submit(lambda pipeline: pipeline.segment(frame(2))).result(20)
            with pytest.raises(EngineFailed, match="the GPU is lost"):
                worker.submit(lambda pipeline: pipeline.segment(frame(3)))
    assert [type(fault) for fault in faults] == [DeviceLost]


def test_one_pipeline_takes_one_frame_at_a_time(engine: TensorRtEngine) -> None:
    pipeline = engine.pipelines[0]
    with pipeline._owned, pytest.raises(
        WrongThread, match="a pipeline whose frame is not finished"
    ):
        pipeline.label(frame(1), SegmentOptions("model"))
