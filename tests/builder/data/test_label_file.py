from __future__ import annotations

import io
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from runtime.builder.data.label_file import read_labels
from runtime.errors import InvalidInput

GREY, PALETTE = 0, 3


def chunk(kind: bytes, body: bytes) -> bytes:
    check = zlib.crc32(kind + body)
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", check)


def packed_png(ids: np.ndarray, depth: int, colour_type: int) -> bytes:
    """A PNG of so many bits per pixel, as ImageMagick and optipng write them."""
    header = struct.pack(">IIBBBBB", ids.shape[1], ids.shape[0], depth, colour_type, 0, 0, 0)
    bits = np.unpackbits(ids[..., None], axis=-1)[..., 8 - depth :].reshape(len(ids), -1)
    rows = b"".join(b"\0" + row.tobytes() for row in np.packbits(bits, axis=-1))
    palette = chunk(b"PLTE", bytes(range(3 << depth))) if colour_type == PALETTE else b""
    parts = (chunk(b"IHDR", header), palette, chunk(b"IDAT", zlib.compress(rows)))
    return b"".join((b"\x89PNG\r\n\x1a\n", *parts, chunk(b"IEND", b"")))


def png(ids: np.ndarray) -> bytes:
    file = io.BytesIO()
    Image.fromarray(ids).save(file, "PNG")
    return file.getvalue()


@pytest.mark.parametrize("colour_type", [GREY, PALETTE])
@pytest.mark.parametrize("depth", [1, 2, 4])
def test_ids_of_few_bits_are_what_was_stored(tmp_path: Path, depth: int, colour_type: int) -> None:
    ids = np.random.default_rng(depth).integers(0, 1 << depth, (5, 13)).astype(np.uint8)
    (tmp_path / "a.png").write_bytes(packed_png(ids, depth, colour_type))

    np.testing.assert_array_equal(read_labels(tmp_path / "a.png").ids, ids)


def test_every_flipped_bit_is_noticed_or_without_effect(tmp_path: Path) -> None:
    ids = np.random.default_rng(0).integers(0, 3, (8, 8)).astype(np.uint8)
    whole = png(ids)
    for position in range(len(whole) * 8):
        damaged = bytearray(whole)
        damaged[position // 8] ^= 1 << position % 8
        (tmp_path / "a.png").write_bytes(damaged)
        with pytest.raises(InvalidInput, match=r"a\.png"):
            read_labels(tmp_path / "a.png")


def test_a_file_cut_anywhere_is_refused(tmp_path: Path) -> None:
    whole = png(np.zeros((8, 8), np.uint8))
    for length in range(len(whole)):
        (tmp_path / "a.png").write_bytes(whole[:length])
        with pytest.raises(InvalidInput, match=r"a\.png"):
            read_labels(tmp_path / "a.png")


def test_a_jpeg_under_the_name_of_a_png_is_refused(tmp_path: Path) -> None:
    Image.new("L", (8, 8)).save(tmp_path / "a.png", "JPEG")
    with pytest.raises(InvalidInput, match=r"a\.png is a JPEG file"):
        read_labels(tmp_path / "a.png")
