from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, Optional

import numpy as np
import pytest

from runtime.errors import InvalidInput, UnsupportedFormat
from runtime.image.codec import ImageLimits, decode_image
from runtime.image.frame import Frame
from runtime.image.label_map import Classes, LabelMap
from runtime.image.mask_formats import FORMATS, EncodeOptions, format_for
from runtime.image.yuv import YuvCoding
from runtime.inference.engine import MaskSize, SegmentOptions
from tests.engines import HEIGHT, WIDTH
from tests.image.nv12 import nv12_from
from tests.inference.drawing_pipeline import (
    drawing_pipeline,
    drawing_segmenter,
    drawn_by_the_pipeline,
)

CLASSES = Classes(("sky", "road", "car"), ((70, 130, 180), (128, 64, 128), (0, 0, 142)))
LIMITS = ImageLimits(max_bytes=1_000_000, max_pixels=1_000_000)


@dataclass(frozen=True)
class Answer:
    """A segmentation as the encoders see it."""

    labels: LabelMap
    image: np.ndarray
    frame: Frame

    def drawn(self, opacity: float) -> Optional[np.ndarray]:
        return None


def image(height: int, width: int) -> np.ndarray:
    return np.full((height, width, 3), 90, np.uint8)


def checkerboard(height: int, width: int) -> LabelMap:
    rows, columns = np.indices((height, width))
    return LabelMap(((rows + columns) % 3).astype(np.uint8), CLASSES)


def answer(mask: LabelMap, model: np.ndarray, frame: np.ndarray) -> Answer:
    return Answer(mask, model, Frame(frame, 0, 0.0, "request"))


class TestFormats:
    @pytest.mark.parametrize("size", [(24, 40), (12, 20)])
    def test_the_overlay_is_drawn_on_the_image_of_the_masks_size(self, size: Any) -> None:
        shown = answer(checkerboard(*size), image(12, 20), image(24, 40))
        overlay = decode_image(FORMATS["overlay"].encode(shown, EncodeOptions()), LIMITS)
        assert overlay.shape[:2] == size

    def test_the_overlay_of_a_frame_in_nv12_shows_its_colours(self) -> None:
        orange = np.full((24, 40, 3), (30, 120, 220), np.uint8)
        frame = Frame(nv12_from(orange), 0, 0.0, "camera", "nv12", YuvCoding("bt601"))
        shown = Answer(checkerboard(24, 40), image(12, 20), frame)
        clear = FORMATS["overlay"].encode(shown, EncodeOptions(opacity=0, quality=100))
        np.testing.assert_allclose(decode_image(clear, LIMITS), orange, rtol=0, atol=4)

    @pytest.mark.parametrize(
        ("size", "opacity", "drawn"),
        [("model", 0.3, True), ("model", 0.5, False), ("frame", 0.3, False)],
    )
    def test_a_device_s_overlay_is_taken_if_it_has_the_opacity_and_the_mask_s_size(
        self, size: MaskSize, opacity: float, drawn: bool
    ) -> None:
        frame = Frame(image(2 * HEIGHT, 2 * WIDTH), 0, 0.0, "request")
        shown = drawing_segmenter(drawing_pipeline()).segment(
            frame, SegmentOptions(size, image=True, overlay=0.3)
        )
        overlay = FORMATS["overlay"].encode(shown, EncodeOptions(opacity=opacity))
        assert drawn_by_the_pipeline(overlay) == drawn

    def test_raw_is_one_byte_per_pixel_in_rows(self) -> None:
        mask = checkerboard(5, 4)
        raw = FORMATS["raw"].encode(answer(mask, image(5, 4), image(5, 4)), EncodeOptions())
        assert np.array_equal(np.frombuffer(raw, np.uint8).reshape(5, 4), mask.labels)

    @pytest.mark.parametrize("name", ["json", "rle", "polygons"])
    def test_documents_tell_the_sizes_and_the_classes(self, name: str) -> None:
        shown = answer(checkerboard(12, 20), image(12, 20), image(24, 40))
        document = json.loads(FORMATS[name].encode(shown, EncodeOptions()))
        assert document["mask"] == {"height": 12, "width": 20}
        assert document["frame"] == {"height": 24, "width": 40}
        first = document["classes"][0]
        assert (first["id"], first["name"], first["colour"]) == (0, "sky", "#4682b4")

    @pytest.mark.parametrize("name", FORMATS)
    def test_every_format_takes_a_mask_of_one_pixel(self, name: str) -> None:
        shown = answer(checkerboard(1, 1), image(1, 1), image(1, 1))
        assert FORMATS[name].encode(shown, EncodeOptions())

    @pytest.mark.parametrize(
        "wrong", [{"opacity": 1.5}, {"opacity": float("nan")}, {"quality": 0}, {"epsilon": -1}]
    )
    def test_options_out_of_bounds_are_named(self, wrong: Any) -> None:
        with pytest.raises(InvalidInput, match=next(iter(wrong))):
            EncodeOptions(**wrong)


class TestNegotiation:
    @pytest.mark.parametrize(
        ("accept", "name"),
        [
            (None, "png"),
            ("", "png"),
            ("*/*", "png"),
            ("image/png", "png"),
            ("IMAGE/JPEG", "overlay"),
            ("image/*", "png"),
            ("application/json", "json"),
            ("application/octet-stream", "raw"),
            ("image/png;q=0.5, image/jpeg", "overlay"),
            ("image/jpeg;q=0.5, */*;q=0.1", "overlay"),
            ("image/png;q=0, image/*", "overlay"),
            ("text/html,application/xhtml+xml,image/webp,*/*;q=0.8", "png"),
            ("application/json;charset=utf-8", "json"),
            ("image/png;q=high, application/json;q=0.1", "json"),
        ],
    )
    def test_the_clients_preference_decides(self, accept: Optional[str], name: str) -> None:
        assert format_for(accept, None) == name

    @pytest.mark.parametrize(
        "accept", ["text/html", "image/avif", "*/*;q=0", ";;,", "image/png;q="]
    )
    def test_a_client_that_accepts_none_is_told_what_there_is(self, accept: str) -> None:
        with pytest.raises(UnsupportedFormat, match="image/png, image/jpeg"):
            format_for(accept, None)

    def test_the_name_wins_over_the_header(self) -> None:
        assert format_for("image/png", "polygons") == "polygons"

    def test_an_unknown_name_is_answered_with_the_known_ones(self) -> None:
        with pytest.raises(UnsupportedFormat, match=r"'tiff'.*png, overlay, raw, json"):
            format_for(None, "tiff")
