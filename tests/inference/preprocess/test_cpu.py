from __future__ import annotations

from typing import Tuple

import numpy as np
import pytest

from runtime.image.frame import Frame
from runtime.image.nv12 import planes
from runtime.image.yuv import YuvCoding
from runtime.inference.letterbox import place
from runtime.inference.preprocess.cpu import frame_into, resize_into
from runtime.inference.preprocess.reference import fitted, fitted_nv12
from runtime.repository.manifest import InputSpec

SPEC = InputSpec(height=45, width=64, mean=(0, 0, 0), std=(1, 1, 1), pad=(7, 8, 9))
FRAMES = [(45, 64), (90, 128), (135, 192), (44, 65), (33, 47), (271, 483), (7, 5), (1, 1), (3, 500)]
EVEN_FRAMES = [(46, 64), (90, 128), (134, 192), (32, 46), (270, 484), (8, 6), (2, 2), (4, 500)]
CODINGS = [YuvCoding(matrix, full) for matrix in ("bt601", "bt709") for full in (False, True)]


def resized(pixels: np.ndarray, spec: InputSpec) -> np.ndarray:
    # Stale content shows where a pixel is not written.
    out = np.full((spec.height, spec.width, 3), 123, np.uint8)
    resize_into(pixels, out, place(pixels.shape[0], pixels.shape[1], spec), spec)
    return out


@pytest.mark.parametrize("resampling", ["bilinear", "area"])
@pytest.mark.parametrize("geometry", ["letterbox", "stretch"])
@pytest.mark.parametrize("size", FRAMES)
def test_it_is_within_one_step_of_the_reference(
    size: Tuple[int, int], geometry: str, resampling: str
) -> None:
    spec = SPEC.model_copy(update={"geometry": geometry, "resampling": resampling})
    noise = np.random.default_rng(size).integers(0, 256, (*size, 3), dtype=np.uint8)
    difference = resized(noise, spec) - fitted(noise, spec)
    assert np.abs(difference).max() <= 1


def test_a_frame_of_the_model_s_size_is_taken_as_it_is() -> None:
    noise = np.random.default_rng(0).integers(0, 256, (45, 64, 3), dtype=np.uint8)
    assert (resized(noise, SPEC) == noise).all()


def test_a_view_into_a_larger_image_is_read_through_its_strides() -> None:
    image = np.random.default_rng(0).integers(0, 256, (200, 200, 3), dtype=np.uint8)
    view = image[10:190:2, 20:180, ::-1]
    assert (resized(view, SPEC) == resized(view.copy(), SPEC)).all()


def test_padding_is_written_again_after_a_frame_of_another_shape() -> None:
    out = np.zeros((45, 64, 3), np.uint8)
    white = np.full((20, 64, 3), 255, np.uint8)
    for frame in (white.transpose(1, 0, 2), white):
        resize_into(frame, out, place(frame.shape[0], frame.shape[1], SPEC), SPEC)
    placement = place(20, 64, SPEC)
    assert (out[placement.rows] == 255).all()
    out[placement.rows] = (9, 8, 7)
    assert (out == (9, 8, 7)).all()


# ---- frames -------------------------------------------------------------------------------------


def written(frame: Frame, spec: InputSpec) -> np.ndarray:
    out = np.full((spec.height, spec.width, 3), 123, np.uint8)
    frame_into(frame, out, place(frame.height, frame.width, spec), spec)
    return out


@pytest.mark.parametrize("resampling", ["bilinear", "area"])
@pytest.mark.parametrize("coding", CODINGS, ids=str)
@pytest.mark.parametrize("size", EVEN_FRAMES)
def test_nv12_is_within_three_steps_of_the_reference(
    size: Tuple[int, int], coding: YuvCoding, resampling: str
) -> None:
    height, width = size
    noise = np.random.default_rng(size).integers(0, 256, (height * 3 // 2, width), dtype=np.uint8)
    frame = Frame(noise, 0, 0.0, "camera", "nv12", coding)
    for geometry in ("letterbox", "stretch"):
        spec = SPEC.model_copy(update={"geometry": geometry, "resampling": resampling})
        expected = fitted_nv12(*planes(noise), coding, spec)
        assert np.abs(written(frame, spec) - expected).max() < 3


def test_a_frame_in_bgr_is_written_as_its_pixels_are() -> None:
    noise = np.random.default_rng(0).integers(0, 256, (30, 70, 3), dtype=np.uint8)
    assert (written(Frame(noise, 0, 0.0, "camera"), SPEC) == resized(noise, SPEC)).all()
