from __future__ import annotations

import re

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from runtime.errors import InvalidInput
from runtime.serving.api.multipart import file_in_form, is_form

FORM = "multipart/form-data; boundary=xyz"
FILE = b'Content-Disposition: form-data; name="file"; filename="a.jpg"\r\n'


def form(*parts: bytes) -> bytes:
    return b"".join(b"--xyz\r\n" + part + b"\r\n" for part in parts) + b"--xyz--\r\n"


def file_part(content: bytes) -> bytes:
    return FILE + b"Content-Type: image/jpeg\r\n\r\n" + content


@given(st.binary(max_size=300))
def test_a_file_comes_out_as_it_was_put_in(content: bytes) -> None:
    """By the encoder of another library, whose boundary the content does not hold."""
    request = httpx.Request("POST", "http://x", files={"file": ("a.jpg", content)})
    assert file_in_form(request.read(), request.headers["Content-Type"]) == content


@pytest.mark.parametrize(
    "content", [b"", b"\r\n", b"--xyz", b"\r\n--xy\r\n", b"\r\n--xyzz\r\n--xyz0"]
)
def test_what_only_looks_like_a_boundary_is_of_the_file(content: bytes) -> None:
    assert file_in_form(form(file_part(content)), FORM) == content


@pytest.mark.parametrize(
    "content_type",
    [
        'multipart/form-data; charset=utf-8; boundary="xyz"',
        "Multipart/Form-Data;BOUNDARY=xyz",
        r'multipart/form-data; boundary="x\yz"',
    ],
)
def test_the_boundary_is_written_in_many_ways(content_type: str) -> None:
    assert is_form(content_type)
    assert file_in_form(form(file_part(b"image")), content_type) == b"image"


def test_what_is_around_the_form_is_not_looked_at() -> None:
    body = b"for readers of mail\r\n" + form(file_part(b"image")).replace(b"xyz\r\n", b"xyz  \r\n")
    assert file_in_form(body + b"\r\nmore", FORM) == b"image"


@pytest.mark.parametrize(
    ("body", "content_type", "sentence"),
    [
        (form(file_part(b"a"), file_part(b"b")), FORM, "more than one file or field"),
        (form(file_part(b"a"), b'Content-Disposition: form-data; name="n"\r\n\r\n1'), FORM, "more"),
        (form(b'Content-Disposition: form-data; name="image"\r\n\r\n1'), FORM, "field 'image'"),
        (form(b"\r\n1"), FORM, "no file"),
        (form(), FORM, "empty"),
        (b"", FORM, "last boundary"),
        (form(file_part(b"a"))[:-6], FORM, "last boundary"),
        (form(FILE + b"X: " + b"y" * 9000 + b"\r\n\r\n1"), FORM, "do not end"),
        (form(FILE + b"Content-Transfer-Encoding: base64\r\n\r\nYQ=="), FORM, "'base64'"),
        (form(file_part(b"a")), "multipart/form-data", "no boundary"),
        (form(file_part(b"a")), f"multipart/form-data; boundary={'x' * 71}", "no boundary"),
    ],
)
def test_what_is_no_form_with_one_file_is_refused(
    body: bytes, content_type: str, sentence: str
) -> None:
    with pytest.raises(InvalidInput, match=re.escape(sentence)):
        file_in_form(body, content_type)


PIECES = st.sampled_from(
    [b"--xyz", b"--", b"\r\n", b"\n", b" ", b":", b";", b'"', b"\\", b"\0", b"\xff", FILE, b"file"]
)


BOUNDARIES = st.text(max_size=30) | st.just("; boundary=xyz")


@given(st.lists(PIECES, max_size=30).map(b"".join), BOUNDARIES)
def test_no_body_and_no_header_does_anything_but_be_refused(body: bytes, rest: str) -> None:
    try:
        found = file_in_form(body, "multipart/form-data" + rest)
    except InvalidInput:
        return
    assert found in body


def test_a_body_of_near_boundaries_takes_no_longer_than_its_length() -> None:
    """Quadratic search would take minutes."""
    body = form(file_part(b"\r\n--xyz." * 1_000_000))
    assert len(file_in_form(body, FORM)) == 8_000_000
