from __future__ import annotations

import numpy as np
import pytest

from runtime.manifest import InputSpec
from runtime.preprocess.reference import fitted, network_input, normalised

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
