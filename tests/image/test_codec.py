from __future__ import annotations

import io
import struct
import subprocess
import sys
import tracemalloc
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from PIL import Image

from runtime.errors import InvalidInput, TooLarge, UnsupportedFormat
from runtime.image.codec import ImageLimits, blend, decode_image, jpeg, overlay_jpeg
from runtime.image.label_map import Classes, LabelMap

ROOT = Path(__file__).resolve().parent.parent.parent
LIMITS = ImageLimits(max_bytes=1_000_000, max_pixels=1_000_000)
CLASSES = Classes(("sky", "road", "car"), ((70, 130, 180), (128, 64, 128), (0, 0, 142)))
ROTATED_90_CW = 6


def image(height: int = 24, width: int = 40) -> np.ndarray:
    """A smooth image whose channels differ: blue grows to the right, green downwards."""
    across, down = np.meshgrid(np.linspace(0, 255, width), np.linspace(0, 255, height))
    return np.stack((across, down, np.full_like(across, 90)), axis=-1).astype(np.uint8)


def encoded(kind: str, pixels: np.ndarray, **options: Any) -> bytes:
    """`pixels` (BGR, grey or with alpha) as a file written by Pillow."""
    if pixels.ndim == 3:
        pixels = np.concatenate((pixels[..., 2::-1], pixels[..., 3:]), axis=-1)
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, kind, **options)
    return buffer.getvalue()


def turned() -> Image.Exif:
    exif = Image.Exif()
    exif[0x0112] = ROTATED_90_CW
    return exif


def png_claiming(width: int, height: int) -> bytes:
    data = bytearray(encoded("PNG", image()))
    data[16:24] = struct.pack(">II", width, height)
    return bytes(data)


def jpeg_claiming(width: int, height: int) -> bytes:
    data = bytearray(encoded("JPEG", image()))
    frame_header = data.index(b"\xff\xc0")
    data[frame_header + 5 : frame_header + 9] = struct.pack(">HH", height, width)
    return bytes(data)


def webp_claiming(width: int, height: int) -> bytes:
    data = bytearray(encoded("WEBP", image(), icc_profile=b"makes it an extended file"))
    data[24:30] = (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
    return bytes(data)


class TestDecoding:
    @pytest.mark.parametrize("kind", ["PNG", "WEBP"])
    def test_lossless_files_give_the_pixels_in_bgr(self, kind: str) -> None:
        pixels = decode_image(encoded(kind, image(), lossless=True), LIMITS)
        assert pixels.dtype == np.uint8
        assert np.array_equal(pixels, image())

    @pytest.mark.parametrize("options", [{}, {"progressive": True}])
    def test_jpeg_gives_nearly_the_pixels(self, options: Any) -> None:
        pixels = decode_image(encoded("JPEG", image(), quality=95, **options), LIMITS)
        assert np.abs(pixels.astype(int) - image()).mean() < 2

    @pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
    def test_exif_turns_the_image_upright_as_a_browser_does(self, kind: str) -> None:
        pixels = decode_image(encoded(kind, image(), exif=turned()), LIMITS)
        upright = cv2.rotate(image(), cv2.ROTATE_90_CLOCKWISE)
        assert pixels.shape == upright.shape
        assert np.abs(pixels.astype(int) - upright).mean() < 4

    def test_grey_becomes_three_equal_channels(self) -> None:
        grey = image()[..., 0]
        pixels = decode_image(encoded("PNG", grey), LIMITS)
        assert np.array_equal(pixels, np.repeat(grey[..., np.newaxis], 3, axis=-1))

    def test_the_colours_under_an_alpha_channel_are_kept(self) -> None:
        alpha = np.arange(24 * 40).reshape(24, 40, 1).astype(np.uint8)
        pixels = decode_image(encoded("PNG", np.concatenate((image(), alpha), -1)), LIMITS)
        assert np.array_equal(pixels, image())

    def test_sixteen_bits_keep_their_upper_eight(self) -> None:
        deep = image().astype(np.uint16) * 256 + 255
        data = cv2.imencode(".png", deep)[1].tobytes()
        assert np.array_equal(decode_image(data, LIMITS), image())

    def test_the_first_image_of_an_animation_is_used(self) -> None:
        second = [Image.new("RGB", (40, 24))]
        data = encoded("WEBP", image(), lossless=True, save_all=True, append_images=second)
        assert np.array_equal(decode_image(data, LIMITS), image())

    def test_one_pixel_is_a_image(self) -> None:
        assert decode_image(encoded("PNG", image(1, 1)), LIMITS).shape == (1, 1, 3)


class TestBadImages:
    def test_nothing_at_all(self) -> None:
        with pytest.raises(InvalidInput, match="is empty"):
            decode_image(b"", LIMITS)

    def test_no_image(self) -> None:
        with pytest.raises(UnsupportedFormat, match="no JPEG, PNG or WebP"):
            decode_image(b"<html>not found</html>", LIMITS)

    @pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
    @pytest.mark.parametrize("missing", [1, 12, 100])
    def test_truncated(self, kind: str, missing: int) -> None:
        with pytest.raises(InvalidInput, match="truncated"):
            decode_image(encoded(kind, image(240, 400))[:-missing], LIMITS)

    def test_more_bytes_than_allowed(self) -> None:
        data = encoded("PNG", image())
        with pytest.raises(TooLarge, match=f"{len(data)} bytes"):
            decode_image(data, ImageLimits(max_bytes=len(data) - 1, max_pixels=1_000_000))

    def test_more_pixels_than_allowed(self) -> None:
        limits = ImageLimits(max_bytes=1_000_000, max_pixels=24 * 40)
        assert decode_image(encoded("PNG", image()), limits).size
        with pytest.raises(TooLarge, match="41 x 24"):
            decode_image(encoded("PNG", image(24, 41)), limits)

    @pytest.mark.parametrize("claiming", [png_claiming, jpeg_claiming, webp_claiming])
    def test_a_huge_claim_costs_no_memory(self, claiming: Any) -> None:
        data = claiming(50_000, 50_000)
        tracemalloc.start()
        with pytest.raises(TooLarge, match="50000 x 50000"):
            decode_image(data, ImageLimits(max_bytes=32 << 20, max_pixels=64_000_000))
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < 1_000_000

    def test_a_long_thin_image_that_no_overlay_could_show(self) -> None:
        with pytest.raises(TooLarge, match="70000 x 2"):
            decode_image(png_claiming(70_000, 2), LIMITS)

    @pytest.mark.parametrize("claiming", [png_claiming, webp_claiming])
    def test_a_false_claim_within_the_limits(self, claiming: Any) -> None:
        with pytest.raises(InvalidInput, match="60 x 24 pixels is damaged"):
            decode_image(claiming(60, 24), LIMITS)

    def test_a_gap_inside_a_file_with_both_ends(self) -> None:
        data = encoded("PNG", image(240, 400))
        with pytest.raises(InvalidInput, match="damaged"):
            decode_image(data[: len(data) // 2] + data[-12:], LIMITS)

    def test_limits_that_let_nothing_through(self) -> None:
        with pytest.raises(InvalidInput):
            ImageLimits(max_bytes=0, max_pixels=1)


def checkerboard(height: int, width: int) -> LabelMap:
    rows, columns = np.indices((height, width))
    return LabelMap(((rows + columns) % 3).astype(np.uint8), CLASSES)


class TestOverlay:
    @pytest.mark.parametrize("opacity", [0.0, 0.35, 1.0])
    def test_the_blend_is_the_weighted_mean_of_colour_and_image(self, opacity: float) -> None:
        labels = checkerboard(24, 40)
        colours = labels.classes.colours()[labels.labels][..., ::-1].astype(float)
        expected = opacity * colours + (1 - opacity) * image()
        assert np.abs(blend(image(), labels, opacity) - expected).max() <= 0.51

    def test_a_part_of_a_larger_image_is_blended_in_place_of_none(self) -> None:
        """Letterboxed images are views into the engine's input, which must stay as it is."""
        whole = image(30, 50)
        part = whole[3:27, 5:45]
        blended = blend(part, checkerboard(24, 40), 0.5)
        assert np.array_equal(blended, blend(part.copy(), checkerboard(24, 40), 0.5))
        assert np.array_equal(whole, image(30, 50))

    def test_sizes_that_differ_are_named(self) -> None:
        with pytest.raises(InvalidInput, match="40 x 24 pixels and the image 20 x 12"):
            blend(image(12, 20), checkerboard(24, 40), 0.5)

    def test_the_jpeg_shows_the_blend(self) -> None:
        labels = LabelMap(np.ones((24, 40), np.uint8), CLASSES)
        shown = decode_image(overlay_jpeg(image(), labels, 1.0, 95), LIMITS)
        assert np.abs(shown.astype(int) - (128, 64, 128)).max() <= 3

    def test_better_quality_takes_more_bytes(self) -> None:
        assert len(jpeg(image(), 95)) > len(jpeg(image(), 30))


def test_a_truncated_image_never_reaches_the_decoders_which_print_past_every_log_level() -> None:
    data = encoded("PNG", image(240, 400))
    code = (
        "import sys; from runtime.image.codec import *; from runtime.errors import InvalidInput\n"
        "try: decode_image(sys.stdin.buffer.read(), ImageLimits(1 << 20, 1 << 20))\n"
        "except InvalidInput: sys.exit(7)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], input=data[:-100], capture_output=True, check=False, cwd=ROOT
    )
    assert (done.returncode, done.stderr) == (7, b"")
