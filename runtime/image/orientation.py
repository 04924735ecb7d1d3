"""EXIF orientation: which way up the pixels of a JPEG, PNG or WebP file are to be shown.

The eight values are those of the tag 0x0112 (EXIF 2.3, 4.6.4): each names a turn or a mirroring of
the stored pixels that makes them upright. Decoders here turn images as browsers do; what lies
beside an image, such as its label map, has to follow by the same rule.
"""

from __future__ import annotations

import struct
from typing import Dict, Optional, Tuple

import numpy as np

UPRIGHT = 1
_SIDEWAYS = (5, 6, 7, 8)
_TAG, _SHORT = 0x0112, 3
# What turns stored pixels upright: whether rows and columns change places first, and then whether
# the rows and the columns are reversed.
_TURNS: Dict[int, Tuple[bool, bool, bool]] = {
    1: (False, False, False),
    2: (False, False, True),
    3: (False, True, True),
    4: (False, True, False),
    5: (True, False, False),
    6: (True, False, True),
    7: (True, True, True),
    8: (True, True, False),
}


def exif_orientation(data: bytes) -> int:
    """The orientation that an encoded image asks for, 1 to 8; 1 where it says nothing sensible.

    Args:
        data: all of a JPEG, PNG or WebP file.
    """
    block = _exif_block(data)
    return UPRIGHT if block is None else _orientation_in(block)


def swaps_sides(orientation: int) -> bool:
    """Whether the upright image is as wide as the stored one is high."""
    return orientation in _SIDEWAYS


def turned_upright(pixels: np.ndarray, orientation: int) -> np.ndarray:
    """Stored pixels as they are to be shown.

    Args:
        pixels: (height, width, ...), as they lie in the file.
        orientation: 1 to 8.

    Returns:
        A contiguous array; (width, height, ...) where `swaps_sides`.
    """
    transposed, rows, columns = _TURNS[orientation]
    turned = pixels.swapaxes(0, 1) if transposed else pixels
    return np.ascontiguousarray(turned[:: -1 if rows else 1, :: -1 if columns else 1])


def _exif_block(data: bytes) -> Optional[bytes]:
    """The TIFF structure that holds the tags."""
    if data.startswith(b"\xff\xd8"):
        return _jpeg_block(data)
    if data.startswith(b"\x89PNG"):
        return _chunk(data, 8, b"eXIf", ">", trailer=4)
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        block = _chunk(data, 12, b"EXIF", "<", trailer=0)
        # Some writers keep JPEG's prefix here too.
        return block[6:] if block is not None and block.startswith(b"Exif\0\0") else block
    return None


def _jpeg_block(data: bytes) -> Optional[bytes]:
    at = 2
    while at + 4 <= len(data) and data[at] == 0xFF and data[at + 1] != 0xDA:
        if data[at + 1] == 0xFF:  # a fill byte before the marker
            at += 1
            continue
        (length,) = struct.unpack_from(">H", data, at + 2)
        body = data[at + 4 : at + 2 + length]
        if data[at + 1] == 0xE1 and body.startswith(b"Exif\0\0"):
            return body[6:]
        at += 2 + max(2, length)
    return None


def _chunk(data: bytes, start: int, kind: bytes, order: str, trailer: int) -> Optional[bytes]:
    """The body of the first chunk of a kind: PNG puts the length before the kind, WebP after."""
    at = start
    while at + 8 <= len(data):
        length_at, kind_at = (at, at + 4) if order == ">" else (at + 4, at)
        (length,) = struct.unpack_from(f"{order}I", data, length_at)
        if data[kind_at : kind_at + 4] == kind:
            return data[at + 8 : at + 8 + length]
        padding = length % 2 if order == "<" else 0
        at += 8 + length + padding + trailer
    return None


def _orientation_in(block: bytes) -> int:
    order = {b"II": "<", b"MM": ">"}.get(block[:2])
    if order is None or len(block) < 8:
        return UPRIGHT
    (directory,) = struct.unpack_from(f"{order}I", block, 4)
    if directory + 2 > len(block):
        return UPRIGHT
    (entries,) = struct.unpack_from(f"{order}H", block, directory)
    last = len(block) - 12
    for at in range(directory + 2, min(directory + 2 + 12 * entries, last + 1), 12):
        tag, kind, _, value = struct.unpack_from(f"{order}HHIH", block, at)
        if tag == _TAG and kind == _SHORT and value in _TURNS:
            return int(value)
    return UPRIGHT
