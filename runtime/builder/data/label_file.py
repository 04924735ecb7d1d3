"""Label maps as they lie on disk: the numbers that a PNG stores, not the picture that it shows."""

from __future__ import annotations

import io
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Dict, Tuple

import numpy as np
from PIL import Image, UnidentifiedImageError

from runtime.errors import InvalidInput
from runtime.image.header import read_header
from runtime.image.orientation import exif_orientation
from runtime.image.png_chunks import sound_chunks

_GREY, _PALETTE = 0, 3
_PIXELS_OF_COLOUR_TYPE = {
    2: "colours",
    4: "grey with transparency",
    6: "colours with transparency",
}
# A reader shows 4 bits of grey as 0, 17 ... 255; the ids are what was stored before that.
_SHOWN_PER_STORED: Dict[int, int] = {1: 1, 2: 85, 4: 17, 8: 1}
_ONE_ID_PER_PIXEL = "Store one class id per pixel, as 8-bit grey or palette PNG"


@dataclass(frozen=True)
class StoredLabels:
    """A label map as its file has it.

    Attributes:
        ids: (height, width) uint8, the numbers in the file.
        orientation: of the file itself, as in `exif_orientation`; 1 in nearly all.
    """

    ids: np.ndarray
    orientation: int


def read_labels(path: Path) -> StoredLabels:
    """Reads the ids of a label map: grey or palette PNG of 1, 2, 4 or 8 bits.

    Raises:
        InvalidInput: the file is missing, damaged, or does not hold one id per pixel.
    """
    if not path.is_file():
        raise InvalidInput(
            f"label map {path} does not exist", "Give every image a label map of the same name"
        )
    data = path.read_bytes()
    depth, colour_type = _pixel_form(path, data)
    if colour_type not in (_GREY, _PALETTE):
        kind = _PIXELS_OF_COLOUR_TYPE.get(colour_type, f"pixels of colour type {colour_type}")
        raise InvalidInput(f"label map {path} holds {kind}", _ONE_ID_PER_PIXEL)
    if depth not in _SHOWN_PER_STORED:
        raise InvalidInput(f"label map {path} holds {depth}-bit numbers", _ONE_ID_PER_PIXEL)
    try:
        # Not OpenCV, which would turn the indices of a palette PNG into colours.
        with Image.open(io.BytesIO(data), formats=("PNG",)) as opened:
            shown = np.asarray(opened, np.uint8)
    except (UnidentifiedImageError, Image.DecompressionBombError, OSError, SyntaxError) as broken:
        raise _damaged(path) from broken
    ids = shown // _SHOWN_PER_STORED[depth] if colour_type == _GREY else shown
    return StoredLabels(ids, exif_orientation(data))


def _pixel_form(path: Path, data: bytes) -> Tuple[int, int]:
    """Bits per sample and colour type, once the checksums of all chunks hold."""
    header = None
    try:
        for kind, body in sound_chunks(data):
            header = body if kind == b"IHDR" else header
    except (ValueError, struct.error) as broken:
        raise _damaged(path) if data.startswith(b"\x89PNG") else _not_png(path, data) from broken
    if header is None or len(header) != 13:
        raise _damaged(path)
    return header[8], header[9]


def _not_png(path: Path, data: bytes) -> InvalidInput:
    try:
        kind = f"is a {read_header(data).kind} file"
    except InvalidInput:
        kind = "is no PNG file"
    return InvalidInput(
        f"label map {path} {kind}", "Store label maps as PNG, which keeps every id as it is"
    )


def _damaged(path: Path) -> InvalidInput:
    return InvalidInput(
        f"label map {path} cannot be decoded: it is damaged or cut short",
        "Replace it by a valid PNG file",
    )
