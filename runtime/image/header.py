"""What an encoded image claims to be, read from its bytes without decoding it.

A few bytes can claim 50,000 x 50,000 pixels, so size is judged on the header, before any decoder
is trusted with it. Formats: JPEG (ITU-T T.81, annex B), PNG (W3C, section 11.2.2), WebP (RFC 9649).
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from typing_extensions import Literal

from runtime.errors import InvalidInput, UnsupportedFormat

Kind = Literal["JPEG", "PNG", "WebP"]

# The next JPEG marker that means something: stuffed zeros, fill bytes, restarts (D0-D7), TEM (01)
# and SOI (D8) are passed over, inside and outside of entropy-coded data, as libjpeg does.
_JPEG_MARKER = re.compile(rb"\xff[\x02-\xcf\xd9-\xfe]")
_JPEG_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_JPEG_END, _JPEG_SCAN = 0xD9, 0xDA
_PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_PNG_END = b"IEND\xaeB`\x82"

MAX_JPEG_SEGMENTS = 4096
# Every scan of a progressive JPEG costs a pass over all its pixels; encoders write about ten.
MAX_JPEG_SCANS = 32


@dataclass(frozen=True)
class ImageHeader:
    """The claims of an encoded image.

    Attributes:
        kind: its format, by its first bytes.
        width: columns as stored, before any turning by EXIF, pixels.
        height: rows as stored, pixels.
        complete: whether the file reaches its own end; False for a truncated one.
    """

    kind: Kind
    width: int
    height: int
    complete: bool

    def __post_init__(self) -> None:
        if self.width < 1 or self.height < 1:
            raise InvalidInput(
                f"the {self.kind} claims {self.width} x {self.height} pixels",
                "Send an image with at least one pixel",
            )


def read_header(data: bytes) -> ImageHeader:
    """Reads what `data` claims to be; costs a scan over the bytes and no memory.

    Raises:
        UnsupportedFormat: the first bytes are of no JPEG, PNG or WebP.
        InvalidInput: the header is broken or ends too early to tell the size.
    """
    if data.startswith(b"\xff\xd8\xff"):
        return _jpeg_header(data)
    if data.startswith(_PNG_SIGNATURE):
        return _png_header(data)
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return _webp_header(data)
    raise UnsupportedFormat(
        f"the {len(data)} bytes are no JPEG, PNG or WebP image (they begin {data[:8].hex()})",
        "Send the bytes of a JPEG, PNG or WebP file",
    )


def _broken(kind: Kind, problem: str) -> InvalidInput:
    return InvalidInput(f"the {kind} {problem}", "Send a whole and sound file")


def _jpeg_header(data: bytes) -> ImageHeader:
    width = height = scans = 0
    position = 2
    for _ in range(MAX_JPEG_SEGMENTS):
        found = _JPEG_MARKER.search(data, position)
        marker = data[found.end() - 1] if found else _JPEG_END
        if found is None or marker == _JPEG_END:
            if width == 0:
                raise _broken("JPEG", "ends before it says how large it is")
            return ImageHeader("JPEG", width, height, complete=found is not None)
        body = found.end()
        if marker in _JPEG_FRAMES and width == 0:
            height, width = _big_endian(data, body + 3, 2), _big_endian(data, body + 5, 2)
            if height == 0 or width == 0:
                raise _broken("JPEG", f"claims {width} x {height} pixels")
        scans += marker == _JPEG_SCAN
        if scans > MAX_JPEG_SCANS:
            raise _broken("JPEG", f"has more than {MAX_JPEG_SCANS} scans")
        position = body + max(2, _big_endian(data, body, 2))
    raise _broken("JPEG", f"has more than {MAX_JPEG_SEGMENTS} segments")


def _png_header(data: bytes) -> ImageHeader:
    if data[12:16] != b"IHDR" or len(data) < 24:
        raise _broken("PNG", "ends before it says how large it is")
    width, height = _big_endian(data, 16, 4), _big_endian(data, 20, 4)
    return ImageHeader("PNG", width, height, complete=data.rfind(_PNG_END, 24) > 0)


def _webp_header(data: bytes) -> ImageHeader:
    chunk, complete = data[12:16], len(data) >= 8 + _little_endian(data, 4, 4)
    if chunk == b"VP8X" and len(data) >= 30:
        width, height = 1 + _little_endian(data, 24, 3), 1 + _little_endian(data, 27, 3)
    elif chunk == b"VP8L" and len(data) >= 25 and data[20] == 0x2F:
        bits = _little_endian(data, 21, 4)
        width, height = 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF)
    elif chunk == b"VP8 " and data[23:26] == b"\x9d\x01\x2a" and len(data) >= 30:
        width, height = _little_endian(data, 26, 2) & 0x3FFF, _little_endian(data, 28, 2) & 0x3FFF
    else:
        raise _broken("WebP", "does not say how large it is")
    return ImageHeader("WebP", width, height, complete)


def _big_endian(data: bytes, start: int, size: int) -> int:
    return int.from_bytes(data[start : start + size], "big")


def _little_endian(data: bytes, start: int, size: int) -> int:
    return int.from_bytes(data[start : start + size], "little")
