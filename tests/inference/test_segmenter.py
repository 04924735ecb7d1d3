from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Tuple

import numpy as np
import pytest

from runtime.errors import EngineFailed
from runtime.image.frame import Frame
from runtime.image.nv12 import bgr_of
from runtime.image.yuv import YuvCoding
from runtime.inference.backends.fake import FakeEngine
from runtime.inference.engine import MaskSize, SegmentOptions
from runtime.inference.segmenter import NotWanted, Segmentation, Segmenter
from tests.contracts.engine import striped_manifest
from tests.engines import fake_build
from tests.image.nv12 import nv12_from
from tests.inference.drawing_pipeline import INK_BGR, DrawingPipeline

MANIFEST = striped_manifest()
WIDE = (48, 192)
TALL = (96, 24)


def painted(height: int, width: int) -> Tuple[Frame, np.ndarray]:
    """A frame of three bands, one per class, in the palette's colours; and its truth."""
    truth = np.arange(width)[None, :].repeat(height, axis=0) * 3 // width
    pixels = np.array(MANIFEST.classes.palette, np.uint8)[truth][..., ::-1]
    return Frame(np.ascontiguousarray(pixels), 0, 0.0, "painting"), truth


def segmented(frame: Frame, size: MaskSize = "frame") -> Segmentation:
    with FakeEngine(MANIFEST) as engine:
        return Segmenter(MANIFEST, engine.slots[0]).segment(frame, SegmentOptions(size, image=True))


@pytest.mark.parametrize("size", [(32, 64), (16, 32), (128, 256), (31, 77), WIDE, TALL])
def test_the_mask_has_the_frame_s_size(size: Tuple[int, int]) -> None:
    frame, _ = painted(*size)
    found = segmented(frame)
    assert found.labels.labels.shape == size
    assert found.frame is frame


@pytest.mark.parametrize("size", [(32, 64), (16, 32), (128, 256), WIDE, TALL])
def test_a_frame_in_nv12_has_the_mask_of_its_image(size: Tuple[int, int]) -> None:
    frame, _ = painted(*size)
    coding = YuvCoding("bt601")
    camera = replace(frame, pixels=nv12_from(frame.pixels), format="nv12", coding=coding)
    found = segmented(camera)
    expected = segmented(replace(frame, pixels=bgr_of(camera)))
    assert found.labels.labels.shape == size
    # Steps of rounding may move a border by a pixel.
    assert (found.labels.labels == expected.labels.labels).mean() > 0.98


@pytest.mark.parametrize("size", [(32, 64), (16, 32), (128, 256), (31, 77), WIDE])
def test_regions_stay_where_they_are_in_the_frame(size: Tuple[int, int]) -> None:
    height, width = size
    middle = segmented(painted(*size)[0]).labels.labels[height // 2]
    assert [middle[width * nth // 6] for nth in (1, 3, 5)] == [0, 1, 2]


def test_at_the_model_s_size_only_the_borders_between_regions_move() -> None:
    frame, truth = painted(32, 64)
    wrong = segmented(frame).labels.labels != truth
    borders = np.flatnonzero(np.diff(truth[0]))
    for column in np.flatnonzero(wrong.any(axis=0)):
        assert np.abs(borders - column).min() <= 4, "half a sample of the grid"


@pytest.mark.parametrize(
    ("size", "shown"), [((32, 64), (32, 64)), (WIDE, (16, 64)), (TALL, (32, 8)), ((1, 1), (32, 32))]
)
def test_at_the_model_s_size_mask_and_image_leave_the_padding_out(
    size: Tuple[int, int], shown: Tuple[int, int]
) -> None:
    frame, _ = painted(*size)
    found = segmented(frame, "model")
    assert found.labels.labels.shape == shown
    assert found.image.shape == (*shown, 3)
    assert (found.image == found.image[:1]).all()
    np.testing.assert_array_equal(found.image[0, 0], frame.pixels[0, 0])


def test_every_stage_is_timed() -> None:
    timings = segmented(painted(32, 64)[0]).timings
    assert set(timings) == {"preprocess", "infer", "postprocess"}
    assert min(timings.values()) >= 0


def test_answers_outlive_the_next_frame() -> None:
    with FakeEngine(MANIFEST) as engine:
        segmenter = Segmenter(MANIFEST, engine.slots[0])
        first = segmenter.segment(painted(32, 64)[0]).labels
        kept = first.labels.copy()
        segmenter.segment(Frame(np.zeros((20, 20, 3), np.uint8), 1, 0.0, "painting"))
    assert (first.labels == kept).all()


def test_a_failed_engine_gives_no_answer() -> None:
    with FakeEngine(MANIFEST, fail_after=0) as engine:
        segmenter = Segmenter(MANIFEST, engine.slots[0])
        with pytest.raises(EngineFailed):
            segmenter.segment(painted(32, 64)[0])


def test_an_openvino_slot_gives_the_image_for_nothing_and_draws_nothing(tmp_path: Path) -> None:
    pytest.importorskip("openvino")
    pytest.importorskip("onnx")
    from runtime.inference.backends.openvino import OpenVinoEngine
    from tests.inference.backends.networks import write_onnx

    build = fake_build().model_copy(update={"backend": "openvino"})
    frame, _ = painted(32, 64)
    with OpenVinoEngine(MANIFEST, build, write_onnx(tmp_path / "model.onnx"), "latency") as engine:
        wanted = SegmentOptions("model", image=False, overlay=0.5)
        found = Segmenter(MANIFEST, engine.slots[0]).segment(frame, wanted)
        np.testing.assert_array_equal(found.image, frame.pixels)
    assert found.drawn(0.5) is None


class TestAPipelineThatDraws:
    def test_it_is_asked_for_the_mask_alone_unless_more_is_named(self) -> None:
        with FakeEngine(MANIFEST) as engine:
            pipeline = DrawingPipeline(MANIFEST, engine.slots[0])
            found = Segmenter(MANIFEST, pipeline).segment(painted(32, 64)[0])
        assert pipeline.asked == [SegmentOptions("frame")]
        assert found.drawn(0.5) is None

    def test_a_image_that_nobody_wanted_is_not_there(self) -> None:
        with FakeEngine(MANIFEST) as engine:
            pipeline = DrawingPipeline(MANIFEST, engine.slots[0])
            found = Segmenter(MANIFEST, pipeline).segment(painted(32, 64)[0])
        with pytest.raises(
            NotWanted, match=r"frame 0 of 'painting' .*SegmentOptions\(image=True\)"
        ):
            _ = found.image

    def test_its_overlay_is_given_for_the_opacity_that_was_wanted_alone(self) -> None:
        with FakeEngine(MANIFEST) as engine:
            pipeline = DrawingPipeline(MANIFEST, engine.slots[0])
            found = Segmenter(MANIFEST, pipeline).segment(
                painted(*WIDE)[0], SegmentOptions(image=True, overlay=0.35)
            )
            drawn = found.drawn(0.35)
        assert drawn is not None
        assert drawn.shape == found.image.shape == (16, 64, 3)
        assert (drawn == INK_BGR).all()
        assert found.drawn(0.5) is None
