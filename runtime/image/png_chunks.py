"""The chunks of a PNG file (W3C, section 5), each with a checksum that is verified."""

from __future__ import annotations

import struct
import zlib
from types import ModuleType
from typing import Iterator, Tuple

deflate: ModuleType
try:
    from isal import isal_zlib

    deflate = isal_zlib
except ImportError:
    # isal has wheels for x86-64 and aarch64 only; zlib computes the same, more slowly.
    deflate = zlib

SIGNATURE = b"\x89PNG\r\n\x1a\n"


def sound_chunks(data: bytes) -> Iterator[Tuple[bytes, bytes]]:
    """The kind and the body of each chunk up to the file's end, once its checksum holds.

    Args:
        data: all of a PNG file; what follows its last chunk is not looked at.

    Raises:
        ValueError: it is no PNG, cut short, or a chunk is damaged.
    """
    if not data.startswith(SIGNATURE):
        raise ValueError("it has no PNG signature")
    position, kind = len(SIGNATURE), b""
    while kind != b"IEND":
        end = position + 12 + int.from_bytes(data[position : position + 4], "big")
        if end > len(data):
            raise ValueError("it is cut short")
        kind, body = data[position + 4 : position + 8], data[position + 8 : end - 4]
        if deflate.crc32(body, deflate.crc32(kind)) != int.from_bytes(data[end - 4 : end], "big"):
            raise ValueError(f"the checksum of its chunk {kind!r} is wrong")
        yield kind, body
        position = end


def chunk(kind: bytes, body: bytes) -> bytes:
    """A chunk with its length and its checksum."""
    check = deflate.crc32(body, deflate.crc32(kind))
    return b"".join((struct.pack(">I", len(body)), kind, body, struct.pack(">I", check)))
