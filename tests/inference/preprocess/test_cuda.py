from __future__ import annotations

from typing import Any, Dict

import numpy as np
import pytest

from runtime.cuda.kernels.parameters import PreprocessParameters
from runtime.errors import InvalidInput
from runtime.image.frame import Frame
from runtime.image.yuv import YuvCoding
from runtime.inference.preprocess.cuda import (
    DeviceFrame,
    DeviceImage,
    DeviceInput,
    device_frame,
    preprocess_launch,
)
from runtime.repository.manifest import InputSpec

SPEC = InputSpec(height=64, width=100, mean=(1, 2, 3), std=(4, 5, 6), pad=(7, 8, 9))
FRAME = DeviceFrame("bgr", 50, 200, 0x1000, 600)
TARGET = DeviceInput(0x2000, "float16")


def test_the_kernel_is_named_for_format_and_resampling() -> None:
    area = SPEC.model_copy(update={"resampling": "area"})
    grey = DeviceFrame("nv12", 200, 400, 0x1000, 400, 0x9000, 400)
    small = DeviceFrame("rgb", 10, 10, 0x1000, 30)
    assert preprocess_launch(FRAME, TARGET, SPEC).kernel == "preprocess_bgr_bilinear"
    assert preprocess_launch(grey, TARGET, area).kernel == "preprocess_nv12_area"
    assert preprocess_launch(small, TARGET, area).kernel == "preprocess_rgb_bilinear"


def test_a_frame_lies_in_memory_as_in_its_pixels() -> None:
    bgr = Frame(np.zeros((50, 200, 3), np.uint8), 0, 0.0, "camera")
    assert device_frame(bgr, 0x1000) == FRAME
    coding = YuvCoding("bt601", full_range=True)
    nv12 = Frame(np.zeros((60, 70), np.uint8), 0, 0.0, "camera", "nv12", coding)
    expected = DeviceFrame("nv12", 40, 70, 0x1000, 70, 0x1000 + 40 * 70, 70, coding)
    assert device_frame(nv12, 0x1000) == expected


def test_there_is_a_thread_for_every_pixel_of_the_input() -> None:
    launch = preprocess_launch(FRAME, TARGET, SPEC)
    assert launch.block == (32, 8, 1)
    assert launch.grid == (4, 8, 1)


def test_the_parameters_say_where_the_frame_lies_and_what_the_network_wants() -> None:
    launch = preprocess_launch(FRAME, TARGET, SPEC, DeviceImage(0x3000, 512))
    said = PreprocessParameters.from_buffer_copy(launch.parameters)
    assert (said.pixels, said.input, said.image, said.image_pitch) == (
        *(0x1000, 0x2000, 0x3000),
        512,
    )
    assert (said.top, said.left, said.shown_height, said.shown_width) == (19, 0, 25, 100)
    assert (list(said.mean), list(said.deviation), list(said.pad)) == (
        *([1, 2, 3], [4, 5, 6]),
        [7, 8, 9],
    )
    assert (said.red_first, said.element) == (1, 1)


@pytest.mark.parametrize(
    ("wrong", "problem"),
    [
        ({"pitch": 599}, "a pitch of 599 bytes for rows of 600"),
        ({"width": 0}, "0 pixels"),
        ({"height": 16385}, "16385 x 200"),
        ({"height": 16384, "pitch": 1 << 17}, "2147483648 bytes"),
        ({"format": "nv12", "chroma": 1, "height": 51, "chroma_pitch": 200}, "200x51"),
        ({"format": "nv12", "chroma": 1, "chroma_pitch": 199}, "chroma has a pitch of 199"),
        ({"format": "nv12", "chroma_pitch": 200}, "no chroma"),
    ],
)
def test_what_a_kernel_could_not_read_is_refused(wrong: Dict[str, Any], problem: str) -> None:
    fields = {"format": "bgr", "height": 50, "width": 200, "pixels": 0x1000, "pitch": 600}
    with pytest.raises(InvalidInput, match=problem):
        DeviceFrame(**{**fields, **wrong})


def test_a_image_whose_rows_overlap_is_refused() -> None:
    with pytest.raises(InvalidInput, match="the shown image has a pitch of 299"):
        preprocess_launch(FRAME, TARGET, SPEC, DeviceImage(0x3000, 299))


@pytest.mark.parametrize("scale", [0.0, -1.0, float("nan")])
def test_a_scale_that_is_no_step_is_refused(scale: float) -> None:
    with pytest.raises(InvalidInput, match="scale is"):
        DeviceInput(0x2000, "int8", scale)
