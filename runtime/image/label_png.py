"""Label maps as indexed-palette PNGs, written by hand because the general encoders are slow.

One byte per pixel is the class id, and the palette holds the classes' colours: any viewer shows
the image in colour, any reader that keeps indices (`Image.open(...)` of Pillow, for one) gets the
label map back. Filter 0 and the lightest deflate suit label maps: long runs of few values.
"""

from __future__ import annotations

import json
import struct
import zlib
from functools import lru_cache
from types import ModuleType
from typing import Dict, Iterator, Tuple

import numpy as np

from runtime.errors import InvalidInput
from runtime.image.label_map import Classes, LabelMap

deflate: ModuleType
try:
    from isal import isal_zlib

    deflate = isal_zlib
except ImportError:
    # isal has wheels for x86-64 and aarch64 only; zlib writes the same image, more slowly.
    deflate = zlib

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
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
            _SIGNATURE,
            _chunk(b"IHDR", struct.pack(">II", width, height) + _EIGHT_BIT_PALETTE),
            _class_chunks(labels.classes),
            _chunk(b"IDAT", deflate.compress(rows, 1)),
            _chunk(b"IEND", b""),
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


def sound_chunks(data: bytes) -> Iterator[Tuple[bytes, bytes]]:
    """The kind and the body of each chunk of a PNG up to its end, once its checksum holds.

    Args:
        data: all of the file.

    Raises:
        ValueError: it is no PNG, or a chunk is damaged.
        struct.error: it is cut short.
    """
    if not data.startswith(_SIGNATURE):
        raise ValueError("it has no PNG signature")
    position, kind = len(_SIGNATURE), b""
    while kind != b"IEND":
        (length,) = struct.unpack_from(">I", data, position)
        kind = data[position + 4 : position + 8]
        body = data[position + 8 : position + 8 + length]
        (check,) = struct.unpack_from(">I", data, position + 8 + length)
        if deflate.crc32(body, deflate.crc32(kind)) != check:
            raise ValueError(f"chunk {kind!r} is damaged")
        yield kind, body
        position += 12 + length


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
    return _chunk(b"PLTE", colours) + _chunk(b"iTXt", text)


def _chunk(kind: bytes, body: bytes) -> bytes:
    check = deflate.crc32(body, deflate.crc32(kind))
    return b"".join((struct.pack(">I", len(body)), kind, body, struct.pack(">I", check)))
