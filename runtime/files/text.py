"""Text that people write: UTF-8, with or without a byte order mark, and nothing guessed."""

from __future__ import annotations

import codecs
from pathlib import Path
from typing import Tuple

from runtime.errors import InvalidInput

# The marks of UTF-32 come first: that of its little-endian form begins like one of UTF-16.
_OTHER_MARKS: Tuple[Tuple[bytes, str], ...] = (
    (codecs.BOM_UTF32_LE, "UTF-32"),
    (codecs.BOM_UTF32_BE, "UTF-32"),
    (codecs.BOM_UTF16_LE, "UTF-16"),
    (codecs.BOM_UTF16_BE, "UTF-16"),
)
_CURE = "Save it as UTF-8, with or without a byte order mark"


def read_text(path: Path) -> str:
    """All of a text file, without its byte order mark.

    Args:
        path: of a file that should be UTF-8; lines may end as on any system.

    Raises:
        InvalidInput: it is in another encoding, which is named.
        OSError: it cannot be read.
    """
    return text_of(path.read_bytes(), str(path))


def text_of(data: bytes, source: str) -> str:
    """What bytes in UTF-8 say, without their byte order mark.

    Args:
        data: all of them.
        source: where they come from, for a complaint.

    Raises:
        InvalidInput: they are in another encoding, which is named.
    """
    for mark, encoding in _OTHER_MARKS:
        if data.startswith(mark):
            raise InvalidInput(f"{source} is written in {encoding}", _CURE)
    if b"\0" in data:
        raise InvalidInput(f"{source} holds zero bytes, as UTF-16 and binary files do", _CURE)
    try:
        # What other readers do with line ends is done here too.
        return data.decode("utf-8-sig").replace("\r\n", "\n").replace("\r", "\n")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise InvalidInput(
            f"{source} is not UTF-8: line {line} holds the byte 0x{data[error.start]:02x}, as "
            "Latin-1 and Windows files do",
            _CURE,
        ) from error
