"""The one file of a form, as `curl -F` and browsers send it (RFC 7578).

The body is in memory already and bounded; nothing is copied but the file, nothing is written to
disk, and no byte is looked at more than a few times.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Dict

from runtime.errors import InvalidInput

MOST_HEADER_BYTES = 8192
HOW = "Send one image, as with `curl -F file=@image.jpg`, or the bytes of the image alone"

_PARAMETER = re.compile(r';\s*([!#$%&\'*+.^_`|~0-9A-Za-z-]+)\s*=\s*("(?:[^"\\]|\\.)*"|[^;"\s]*)')
_BOUNDARY = re.compile(r"[0-9A-Za-z'()+_,./:=? -]{0,69}[0-9A-Za-z'()+_,./:=?-]")
_PADDING = re.compile(rb"[ \t]*\r\n")


def is_form(content_type: str) -> bool:
    """Whether a Content-Type is that of a form with files."""
    return content_type.split(";", 1)[0].strip().lower() == "multipart/form-data"


def file_in_form(body: bytes, content_type: str) -> bytes:
    """The content of the form's file.

    Args:
        body: of the request, whole.
        content_type: its header, with the boundary.

    Raises:
        InvalidInput: the form is damaged, or holds anything but one file.
    """
    dashes = b"--" + _boundary(content_type)
    # Whatever stands before the first delimiter is for readers of mail.
    first = _delimiter(body, dashes, 0)
    if first.last:
        raise InvalidInput("the form is empty", HOW)
    content = _end_of_headers(body, first.end)
    second = _delimiter(body, dashes, content)
    if not second.last:
        raise InvalidInput("the form has more than one file or field", HOW)
    _require_file(body[first.end : content])
    return body[content : second.start]


@dataclass(frozen=True)
class _Delimiter:
    """A boundary as it stands in a body: with the line end before it, which is not of the file."""

    start: int
    end: int
    last: bool


def _delimiter(body: bytes, dashes: bytes, begin: int) -> _Delimiter:
    """The first delimiter from `begin` on."""
    start, length = 0, len(dashes)
    if begin != 0 or not body.startswith(dashes):
        start, length = body.find(b"\r\n" + dashes, begin), len(dashes) + 2
    while start >= 0:
        end = start + length
        if body.startswith(b"--", end):
            return _Delimiter(start, end + 2, last=True)
        padding = _PADDING.match(body, end)
        if padding is not None:
            return _Delimiter(start, padding.end(), last=False)
        # A longer word than the boundary, which begins with it.
        start, length = body.find(b"\r\n" + dashes, end), len(dashes) + 2
    raise InvalidInput("the form ends before its last boundary", "Send it again, whole")


def _boundary(content_type: str) -> bytes:
    boundary = _parameters(content_type).get("boundary", "")
    if not _BOUNDARY.fullmatch(boundary):
        raise InvalidInput("the form's Content-Type names no boundary", HOW)
    return boundary.encode("ascii")


def _parameters(value: str) -> Dict[str, str]:
    """The parameters of a header: their names in small letters, their values without quotes."""
    found: Dict[str, str] = {}
    for name, value_or_quoted in _PARAMETER.findall(value):
        bare = value_or_quoted
        if bare.startswith('"'):
            bare = re.sub(r"\\(.)", r"\1", bare[1:-1], flags=re.DOTALL)
        found.setdefault(name.lower(), bare)
    return found


def _end_of_headers(body: bytes, begin: int) -> int:
    if body.startswith(b"\r\n", begin):
        return begin + 2
    end = body.find(b"\r\n\r\n", begin, begin + MOST_HEADER_BYTES)
    if end < 0:
        raise InvalidInput("the headers of the form's file do not end", HOW)
    return end + 4


def _require_file(headers: bytes) -> None:
    lines = headers.decode("utf-8", "replace").split("\r\n")
    named = dict(line.split(":", 1) for line in lines if ":" in line)
    lower = {name.strip().lower(): value for name, value in named.items()}
    coding = lower.get("content-transfer-encoding", "binary").strip().lower()
    if coding not in ("binary", "8bit", "7bit"):
        raise InvalidInput(f"the form's file is encoded as {coding[:40]!r}", HOW)
    disposition = _parameters(lower.get("content-disposition", ""))
    if "filename" not in disposition and "filename*" not in disposition:
        name = disposition.get("name", "")
        raise InvalidInput(f"the form has a field {name[:40]!r} and no file", HOW)
