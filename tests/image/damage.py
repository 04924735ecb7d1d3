"""Images that something happened to on the way, by a seed: cut, zeroed, flipped, with a gap."""

from __future__ import annotations

import io
import struct
from typing import Any, Dict, Iterator, Tuple

import numpy as np
from PIL import Image

JPEG_END, PNG_END = b"\xff\xd9", b"\0\0\0\0IEND\xaeB`\x82"


def scene(height: int = 48, width: int = 64) -> np.ndarray:
    """(height, width, 3) uint8 RGB with edges and a little noise, as a camera's images have."""
    random = np.random.default_rng(5)
    rows, columns = np.mgrid[:height, :width]
    disc = ((rows - height / 2) ** 2 + (columns - width / 3) ** 2 < (height / 4) ** 2) * 90
    pixels = np.stack((rows * 3, columns * 2, rows + columns), -1) + disc[..., np.newaxis]
    noisy: np.ndarray = pixels + random.normal(0, 4, pixels.shape)
    return noisy.clip(0, 255).astype(np.uint8)


def encoded(kind: str, pixels: np.ndarray, **options: Any) -> bytes:
    """RGB or grey pixels as a file written by Pillow."""
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, kind, **options)
    return buffer.getvalue()


def turned() -> Image.Exif:
    """EXIF that says: show me turned by a quarter."""
    exif = Image.Exif()
    exif[0x0112] = 6
    return exif


def sound_files() -> Dict[str, bytes]:
    """One of every kind of file that cameras and tools write."""
    inks = io.BytesIO()
    Image.fromarray(scene()).convert("CMYK").save(inks, "JPEG")
    return {
        "JPEG": encoded("JPEG", scene(), quality=90),
        "JPEG 4:4:4": encoded("JPEG", scene(), subsampling=0),
        "JPEG progressive": encoded("JPEG", scene(), progressive=True),
        "JPEG with restarts": encoded("JPEG", scene(), restart_marker_rows=1),
        "JPEG grey": encoded("JPEG", scene()[..., 0]),
        "JPEG turned": encoded("JPEG", scene(), exif=turned()),
        "JPEG CMYK": inks.getvalue(),
        "PNG": encoded("PNG", scene()),
        "PNG grey": encoded("PNG", scene()[..., 0]),
        "PNG turned": encoded("PNG", scene(), exif=turned()),
        "WebP": encoded("WEBP", scene(), quality=90),
        "WebP lossless": encoded("WEBP", scene(), lossless=True),
        "WebP turned": encoded("WEBP", scene(), exif=turned()),
    }


def mutated(count: int, seed: int = 0) -> Iterator[Tuple[str, bytes]]:
    """So many damaged files: which kind and what happened to it, and its bytes."""
    random = np.random.default_rng(seed)
    files = sorted(sound_files().items())
    for number in range(count):
        kind, data = files[number % len(files)]
        happened, damage = _DAMAGES[int(random.integers(len(_DAMAGES)))]
        yield f"{number}: {kind}, {happened}", damage(data, random)


def _place(data: bytes, random: np.random.Generator) -> int:
    return int(random.integers(2, len(data) - 1))


def _cut(data: bytes, random: np.random.Generator) -> bytes:
    return data[: _place(data, random)]


def cut_with_an_end(data: bytes, at: int) -> bytes:
    """The first bytes, closed as if nothing had happened."""
    start = data[:at]
    if data.startswith(b"\xff\xd8"):
        return start + JPEG_END
    if data.startswith(b"\x89PNG"):
        return start + PNG_END
    return start[:4] + struct.pack("<I", max(0, len(start) - 8)) + start[8:]


def _cut_with_an_end(data: bytes, random: np.random.Generator) -> bytes:
    return cut_with_an_end(data, _place(data, random))


def _zeroed(data: bytes, random: np.random.Generator) -> bytes:
    at, length = _place(data, random), int(random.integers(1, 200))
    hole = data[at : at + length]
    return data[:at] + bytes(len(hole)) + data[at + length :]


def _flipped(data: bytes, random: np.random.Generator) -> bytes:
    changed = bytearray(data)
    for _ in range(int(random.integers(1, 5))):
        changed[_place(data, random)] ^= 1 << int(random.integers(8))
    return bytes(changed)


def _replaced(data: bytes, random: np.random.Generator) -> bytes:
    at, length = _place(data, random), int(random.integers(1, 40))
    return data[:at] + random.bytes(length) + data[at + length :]


def _gap(data: bytes, random: np.random.Generator) -> bytes:
    at = _place(data, random)
    return data[:at] + data[at + int(random.integers(1, 200)) :]


def _repeated(data: bytes, random: np.random.Generator) -> bytes:
    at, length = _place(data, random), int(random.integers(1, 200))
    return data[: at + length] + data[at:]


_DAMAGES = (
    ("cut", _cut),
    ("cut and closed", _cut_with_an_end),
    ("zeroed", _zeroed),
    ("flipped bits", _flipped),
    ("other bytes", _replaced),
    ("a gap", _gap),
    ("a piece twice", _repeated),
)
