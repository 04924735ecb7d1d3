from __future__ import annotations

import io
from typing import Any, Type, Union

import numpy as np
import pytest
from PIL import Image

from runtime.errors import InvalidInput, UnsupportedFormat
from runtime.image.header import MAX_JPEG_SCANS, MAX_JPEG_SEGMENTS, ImageHeader, read_header

WIDTH, HEIGHT = 53, 37


def encoded(kind: str, **options: Any) -> bytes:
    """A noisy image of WIDTH x HEIGHT, written by Pillow."""
    noise = np.random.default_rng(0).integers(0, 256, (HEIGHT, WIDTH, 3)).astype(np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(noise).save(buffer, kind, **options)
    return buffer.getvalue()


def thumbnail_in_exif() -> bytes:
    """An EXIF segment that holds a whole JPEG, end marker included, as cameras write it."""
    buffer = io.BytesIO()
    Image.new("RGB", (8, 8)).save(buffer, "JPEG")
    return b"Exif\0\0" + buffer.getvalue()


@pytest.mark.parametrize(
    ("kind", "data"),
    [
        ("JPEG", encoded("JPEG")),
        ("JPEG", encoded("JPEG", progressive=True)),
        ("JPEG", encoded("JPEG", restart_marker_blocks=2)),
        ("JPEG", encoded("JPEG", exif=thumbnail_in_exif(), comment=b"\xff\xd9")),
        ("PNG", encoded("PNG")),
        ("PNG", encoded("PNG", compress_level=0)),
        ("WebP", encoded("WEBP")),
        ("WebP", encoded("WEBP", lossless=True)),
        ("WebP", encoded("WEBP", icc_profile=b"makes it an extended file")),
    ],
)
class TestSoundFiles:
    def test_the_size_is_read_and_the_end_found(self, kind: str, data: bytes) -> None:
        assert read_header(data) == ImageHeader(kind, WIDTH, HEIGHT, complete=True)  # type: ignore[arg-type]

    def test_bytes_after_the_end_do_no_harm(self, kind: str, data: bytes) -> None:
        assert read_header(data + b"\0" * 100).complete, kind

    def test_every_truncation_is_noticed(self, kind: str, data: bytes) -> None:
        for length in range(12, len(data), 7):
            assert header_or_fault(data[:length]) in (
                ImageHeader(kind, WIDTH, HEIGHT, complete=False),  # type: ignore[arg-type]
                InvalidInput,
            )

    def test_random_damage_gives_a_header_or_a_fault(self, kind: str, data: bytes) -> None:
        random = np.random.default_rng(1)
        for _ in range(200):
            damaged = bytearray(data)
            for place in random.integers(3, min(200, len(data)), 8):
                damaged[place] = random.integers(256)
            assert header_or_fault(bytes(damaged)), kind


def header_or_fault(data: bytes) -> Union[ImageHeader, Type[InvalidInput]]:
    try:
        return read_header(data)
    except InvalidInput:
        return InvalidInput


@pytest.mark.parametrize("data", [b"", b"\xff\xd8", b"GIF89a..", b"II*\0", b"RIFF\0\0\0\0WAVEfmt "])
def test_other_formats_are_named_by_their_first_bytes(data: bytes) -> None:
    with pytest.raises(UnsupportedFormat) as caught:
        read_header(data)
    assert data[:8].hex() in str(caught.value)


def test_a_jpeg_without_a_height_is_refused() -> None:
    data = bytearray(encoded("JPEG"))
    frame_header = data.index(b"\xff\xc0")
    data[frame_header + 5 : frame_header + 7] = b"\0\0"
    with pytest.raises(InvalidInput, match="53 x 0"):
        read_header(bytes(data))


def test_a_jpeg_of_endless_scans_is_refused() -> None:
    data = encoded("JPEG", progressive=True)
    last_scan = data.rindex(b"\xff\xda")
    bomb = data[:-2] + data[last_scan:-2] * MAX_JPEG_SCANS + data[-2:]
    with pytest.raises(InvalidInput, match="scans"):
        read_header(bomb)


def test_a_jpeg_of_endless_segments_is_refused_before_all_are_walked() -> None:
    comment = b"\xff\xfe\x00\x02"
    with pytest.raises(InvalidInput, match=f"more than {MAX_JPEG_SEGMENTS} segments"):
        read_header(b"\xff\xd8" + comment * (MAX_JPEG_SEGMENTS + 1))
