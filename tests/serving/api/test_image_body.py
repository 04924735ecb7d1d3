from __future__ import annotations

import base64
import gzip
import json
from typing import Dict
from urllib.parse import quote

import pytest
from starlette.datastructures import Headers

from runtime.errors import InvalidInput
from runtime.serving.api.image_body import image_in_body
from tests.serving.api.serving import image

PNG, JPEG = image(".png"), image(".jpg")
TEXT = base64.b64encode(PNG)
URLENCODED = {"Content-Type": "application/x-www-form-urlencoded"}


@pytest.mark.parametrize("body", [PNG, JPEG, image(".webp"), b"", b"what a decoder judges"])
@pytest.mark.parametrize(
    "headers",
    [
        {},
        URLENCODED,
        {"Content-Type": "application/json"},
        {"Content-Type": "image/png", "Content-Encoding": "identity"},
    ],
)
def test_bytes_are_taken_whatever_they_are_called(body: bytes, headers: Dict[str, str]) -> None:
    assert image_in_body(body, Headers(headers)) == body


@pytest.mark.parametrize(
    ("body", "headers", "sentence"),
    [
        (TEXT, {}, "base64"),
        (base64.b64encode(JPEG), {}, "base64"),
        (b"data:image/png;base64," + TEXT, {}, "data: URL"),
        (json.dumps({"image": TEXT.decode()}).encode(), {}, "JSON"),
        (b' ["a"]', {"Content-Type": "application/json"}, "JSON"),
        (b"image=" + quote(TEXT.decode()).encode(), URLENCODED, "form's text"),
        (gzip.compress(PNG), {"Content-Encoding": "gzip"}, "'gzip'"),
        (b"--a", {"Content-Type": "multipart/mixed; boundary=a"}, "multipart/mixed"),
        (PNG, {"Content-Type": "multipart/form-data; boundary=a"}, "boundary"),
        (b"\xff\xd8\xff" + b"x" * 2000, URLENCODED, "curl -d"),
    ],
)
def test_what_is_sent_in_place_of_an_image_is_named(
    body: bytes, headers: Dict[str, str], sentence: str
) -> None:
    with pytest.raises(InvalidInput, match=sentence):
        image_in_body(body, Headers(headers))
