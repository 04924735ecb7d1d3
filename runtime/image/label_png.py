"""Label maps as indexed-palette PNGs, written by hand because the general encoders are slow.

One byte per pixel is the class id, and the palette holds the classes' colours: any viewer shows
the image in colour, any reader that keeps indices (`Image.open(...)` of Pillow, for one) gets the
label map back. Filter 0 and the lightest deflate suit label maps: long runs of few values.
"""

from __future__ import annotations

import json
import struct
from functools import lru_cache
from typing import Dict

import numpy as np

from runtime.errors import InvalidInput
from runtime.image.label_map import Classes, LabelMap
from runtime.image.png_chunks import SIGNATURE, chunk, deflate, sound_chunks

_EIGHT_BIT_PALETTE = b"\x08\x03\x00\x00\x00"
CLASSES_KEYWORD = b"classes"


def palette_png(labels: LabelMap) -> bytes:
    """The label map as a PNG whose pixel values are the class ids.

    The class names travel along as a JSON list in an iTXt chunk named "classes".
    """
    height, width = labels.labels.shape
    rows = np.zeros((height, width + 1), np.uint8)
    rows[:, 1:] = labels.labels
    return b"".join(
        (
            SIGNATURE,
            chunk(b"IHDR", struct.pack(">II", width, height) + _EIGHT_BIT_PALETTE),
            _class_chunks(labels.classes),
            chunk(b"IDAT", deflate.compress(rows, 1)),
            chunk(b"IEND", b""),
        )
    )


def ids_from_png(data: bytes) -> np.ndarray:
    """The class ids of a PNG that `palette_png` wrote: (height, width) uint8.

    OpenCV cannot do this: it turns indices into colours.

    Raises:
        InvalidInput: the PNG is damaged, truncated or not of this kind.
    """
    try:
        return _ids(dict(sound_chunks(data)))
    except (KeyError, ValueError, struct.error, deflate.error) as error:
        raise InvalidInput(
            f"the PNG is not a label map of this runtime: {error}",
            "Give a mask that `runtime segment` or /segment wrote",
        ) from error


def _ids(chunks: Dict[bytes, bytes]) -> np.ndarray:
    width, height = struct.unpack_from(">II", chunks[b"IHDR"])
    if chunks[b"IHDR"][8:] != _EIGHT_BIT_PALETTE:
        raise ValueError("it is not 8 bits of palette index")
    rows = np.frombuffer(deflate.decompress(chunks[b"IDAT"]), np.uint8).reshape(height, width + 1)
    if rows[:, 0].any():
        raise ValueError("its rows are filtered")
    return rows[:, 1:]


@lru_cache(maxsize=16)
def _class_chunks(classes: Classes) -> bytes:
    colours = classes.colours()[: len(classes)].tobytes()
    names = json.dumps(classes.names, ensure_ascii=False).encode()
    # An iTXt chunk: keyword, end, not compressed (two bytes), no language, no translation, text.
    text = CLASSES_KEYWORD + b"\0\0\0\0\0" + names
    return chunk(b"PLTE", colours) + chunk(b"iTXt", text)
