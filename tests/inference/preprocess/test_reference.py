from __future__ import annotations

import numpy as np
import pytest

from runtime.image.yuv import YuvCoding
from runtime.inference.preprocess.reference import (
    fitted,
    fitted_nv12,
    network_input,
    normalised,
    quantized,
)
from runtime.repository.manifest import InputSpec

SPEC = InputSpec(
    height=32, width=64, mean=(10, 20, 30), std=(2, 4, 8), colour_order="rgb", pad=(1, 2, 3)
)


def test_channels_are_reordered_centred_scaled_and_made_planar() -> None:
    bgr = np.empty((32, 64, 3), np.uint8)
    bgr[...] = (110, 60, 50)
    planar = normalised(bgr, SPEC)
    assert planar.shape == (1, 3, 32, 64)
    assert planar.dtype == np.float32
    assert [np.unique(plane).tolist() for plane in planar[0]] == [[20.0], [10.0], [10.0]]


def test_a_network_that_wants_bgr_gets_bgr() -> None:
    spec = SPEC.model_copy(update={"colour_order": "bgr"})
    bgr = np.empty((32, 64, 3), np.uint8)
    bgr[...] = (110, 60, 50)
    assert normalised(bgr, spec)[0, :, 0, 0].tolist() == [50.0, 10.0, 2.5]


def test_padding_is_given_in_the_network_s_order_and_put_around_the_centred_frame() -> None:
    image = fitted(np.full((10, 10, 3), 200, np.uint8), SPEC)
    assert (image[:, 16:48] == 200).all()
    assert (image[:, :16] == (3, 2, 1)).all()
    assert (image[:, 48:] == (3, 2, 1)).all()


def test_nothing_is_rounded() -> None:
    ramp = np.zeros((32, 32, 3), np.uint8)
    ramp[:, 16:] = 255
    stretched = fitted(ramp, SPEC.model_copy(update={"geometry": "stretch"}))
    assert stretched[0, 30:34, 0].tolist() == [0.0, 63.75, 191.25, 255.0]


@pytest.mark.parametrize("geometry", ["letterbox", "stretch"])
def test_the_input_has_the_model_s_size_whatever_the_frame_s(geometry: str) -> None:
    spec = SPEC.model_copy(update={"geometry": geometry})
    for height, width in [(1, 1), (7, 300), (301, 5), (32, 64)]:
        frame = np.zeros((height, width, 3), np.uint8)
        assert network_input(frame, spec).shape == (1, 3, 32, 64)


def test_area_averages_what_each_pixel_covers() -> None:
    stripes = np.zeros((64, 128, 3), np.uint8)
    stripes[:, ::4] = 200
    spec = SPEC.model_copy(update={"resampling": "area"})
    assert (fitted(stripes, spec)[:, ::2] == 100).all()
    # Four pixels to one: bilinear reads the two in the middle, and there is nothing.
    narrow = SPEC.model_copy(update={"width": 32, "geometry": "stretch"})
    assert (fitted(stripes, narrow) == 0).all()
    assert (fitted(stripes, narrow.model_copy(update={"resampling": "area"})) == 50).all()


def test_area_gives_way_to_bilinear_where_a_side_grows() -> None:
    noise = np.random.default_rng(0).integers(0, 256, (20, 300, 3), dtype=np.uint8)
    spec = SPEC.model_copy(update={"geometry": "stretch"})
    area = spec.model_copy(update={"resampling": "area"})
    np.testing.assert_array_equal(fitted(noise, area), fitted(noise, spec))


def test_grey_nv12_is_grey() -> None:
    luma = np.array([[16, 126], [235, 81]], np.uint8).repeat(32, axis=0).repeat(32, axis=1)
    chroma = np.full((32, 32, 2), 128, np.uint8)
    spec = SPEC.model_copy(update={"height": 64, "width": 64})
    image = fitted_nv12(luma, chroma, YuvCoding("bt601"), spec)
    assert (np.ptp(image, axis=2) == 0).all()
    assert (image.min(), image.max()) == (0, 255)


def test_int8_steps_round_half_to_even_and_saturate() -> None:
    values = np.array([0.25, 0.75, -0.25, 1.0, 100, -100], np.float32)
    assert quantized(values, 0.5).tolist() == [0, 2, 0, 2, 127, -128]
