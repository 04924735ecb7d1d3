from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Optional

import numpy as np
import pytest

from runtime.image.frame import Frame
from runtime.image.label_map import Classes, LabelMap
from runtime.image.mask_formats import FORMATS, EncodeOptions
from runtime.serving.streams.result import (
    REMEMBERED_SECONDS,
    Demand,
    Drawing,
    Overlays,
    StreamResult,
)
from tests.inference.drawing_pipeline import INK_BGR, drawn_by_the_pipeline
from tests.waiting import Clock

CLASSES = Classes(("dark", "bright"), ((0, 0, 64), (255, 255, 0)))


def not_drawn(_opacity: float) -> Optional[np.ndarray]:
    """Where no device draws."""
    return None


def overlays(demand: Demand) -> Overlays:
    image = np.random.default_rng(3).integers(0, 256, (32, 64, 3), np.uint8)
    labels = LabelMap(np.eye(32, 64, dtype=np.uint8), CLASSES)
    return Overlays(image, labels, Drawing(opacity=0.33, quality=80, demand=demand))


def result() -> StreamResult:
    drawn = overlays(Demand())
    frame = Frame(np.zeros((64, 128, 3), np.uint8), 5, 1e9, "cam0")
    return StreamResult(frame, LabelMap(np.eye(32, 64, dtype=np.uint8), CLASSES), drawn, {}, 1e9)


def test_each_opacity_is_drawn_once_and_shared_by_all_viewers() -> None:
    drawn = overlays(Demand())
    with ThreadPoolExecutor(8) as viewers:
        images = list(viewers.map(drawn.jpeg, [0.5] * 16))
    assert all(image is images[0] for image in images)
    assert drawn.jpeg(0.7) is not images[0]


def test_opacities_are_rounded_so_that_viewers_can_share() -> None:
    drawn = overlays(Demand())
    assert drawn.jpeg(0.51) is drawn.jpeg(0.49)
    assert drawn.jpeg(0.0) is drawn.jpeg(0.02)


def test_the_stream_s_own_opacity_is_taken_as_it_is() -> None:
    drawn = overlays(Demand())
    assert drawn.jpeg() not in (drawn.jpeg(0.3), drawn.jpeg(0.35))


def test_what_a_device_drew_is_encoded_and_the_rest_is_drawn_here() -> None:
    demand = Demand(Clock())
    looked_at = overlays(demand)
    blended = {opacity: looked_at.jpeg(opacity) for opacity in (0.5, 0.7)}
    ink = np.full((32, 64, 3), INK_BGR, np.uint8)
    following = overlays(demand)
    following.draw_ahead({0.5: ink}.get)
    assert drawn_by_the_pipeline(following.jpeg(0.5))
    assert following.jpeg(0.7) == blended[0.7]
    assert not drawn_by_the_pipeline(blended[0.5])


def test_a_device_draws_the_stream_s_own_opacity_before_any_other() -> None:
    clock = Clock()
    demand = Demand(clock)
    drawing = Drawing(opacity=0.33, quality=80, demand=demand)
    assert drawing.foremost() is None
    for opacity in (0.7, 0.5, 0.7):
        demand.note(opacity)
    assert drawing.foremost() == 0.7
    demand.note(0.33)
    assert drawing.foremost() == 0.33
    clock.now += REMEMBERED_SECONDS + 0.1
    assert drawing.foremost() is None


def test_what_was_looked_at_lately_is_drawn_ahead_for_the_next_frame() -> None:
    clock = Clock()
    demand = Demand(clock)
    overlays(demand).jpeg(0.5)
    following = overlays(demand)
    following.draw_ahead(not_drawn)
    assert list(following._drawn) == [0.5]
    clock.now += REMEMBERED_SECONDS + 0.1
    unseen = overlays(demand)
    unseen.draw_ahead(not_drawn)
    assert unseen._drawn == {}


@pytest.mark.parametrize("name", FORMATS)
def test_every_mask_format_takes_a_result(name: str) -> None:
    assert FORMATS[name].encode(result(), EncodeOptions())


def test_shares_are_those_of_the_mask() -> None:
    assert result().shares.tolist() == [1 - 32 / (32 * 64), 32 / (32 * 64)]
