"""The image in a request's body: the body itself, or the one file of a form.

What clients send by mistake in its place is named, each with its own cure.
"""

from __future__ import annotations

import re
from typing import Optional, Tuple

from starlette.datastructures import Headers

from runtime.errors import InvalidInput, UnsupportedFormat
from runtime.serving.api.multipart import file_in_form, is_form

BINARY = "Send the bytes of the image, as `curl --data-binary @image.jpg` does"
# How JPEG, PNG and WebP begin in base64.
_BASE64_IMAGE = re.compile(rb"\s*(?:/9j/|iVBORw0KGgo|UklGR)")
_JSON = re.compile(rb'\s*[{\["]')
_URLENCODED = re.compile(rb"[A-Za-z0-9_.%+-]{1,64}=(?:[A-Za-z0-9%+/*_.-]|$)")
# No image of this size is without one of the bytes that `curl -d` takes away.
SURELY_BINARY = 1024


def image_in_body(body: bytes, headers: Headers) -> bytes:
    """The bytes of the image.

    Args:
        body: of the request, whole.
        headers: of the request.

    Raises:
        UnsupportedFormat: it was packed into something else than a form.
        InvalidInput: the form is damaged or holds anything but one file.
    """
    coding = headers.get("content-encoding", "").strip().lower()
    if coding not in ("", "identity"):
        raise UnsupportedFormat(
            f"the body is compressed as {coding[:40]!r}",
            "Send the image as it is; it is compressed already",
        )
    content_type = headers.get("content-type", "")
    if is_form(content_type):
        return file_in_form(body, content_type)
    mistake = _mistake(body, content_type.split(";", 1)[0].strip().lower())
    if mistake is not None:
        raise UnsupportedFormat(*mistake)
    if _lost_bytes(body, content_type):
        raise InvalidInput("the body has lost its line ends and zeros, as by `curl -d`", BINARY)
    return body


def _mistake(body: bytes, media_type: str) -> Optional[Tuple[str, str]]:
    """What the body is in place of an image, and the cure; None where nothing speaks for it."""
    if body.startswith(b"data:"):
        return "the body is a data: URL", f"Decode what follows its comma. {BINARY}"
    if _BASE64_IMAGE.match(body):
        return "the body is an image in base64", f"Decode it. {BINARY}"
    # By its content: clients announce JSON out of habit, also before the bytes of an image.
    if _JSON.match(body):
        return "the body is JSON", BINARY
    if media_type.startswith("multipart/"):
        return (
            f"the body is {media_type[:40]}",
            "Send a form (multipart/form-data) with one file, or the bytes of the image alone",
        )
    if media_type == "application/x-www-form-urlencoded" and _URLENCODED.match(body):
        return "the body is a form's text", BINARY
    return None


def _lost_bytes(body: bytes, content_type: str) -> bool:
    urlencoded = content_type.lower().startswith("application/x-www-form-urlencoded")
    return urlencoded and len(body) > SURELY_BINARY and not any(b in body for b in (b"\n", b"\0"))
