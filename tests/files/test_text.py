from __future__ import annotations

import codecs
from pathlib import Path

import pytest

from runtime.errors import InvalidInput
from runtime.files.text import read_text

TEXT = "# Straße\nport = 8000\n"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_utf_8_is_read_with_and_without_a_mark_whatever_ends_its_lines(
    tmp_path: Path, encoding: str, end: str
) -> None:
    (tmp_path / "a.toml").write_bytes(TEXT.replace("\n", end).encode(encoding))
    assert read_text(tmp_path / "a.toml") == TEXT


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (TEXT.encode("utf-16"), "written in UTF-16"),
        (codecs.BOM_UTF16_BE + TEXT.encode("utf-16-be"), "written in UTF-16"),
        (TEXT.encode("utf-32"), "written in UTF-32"),
        (TEXT.encode("utf-16-le"), "zero bytes, as UTF-16"),
        (("a = 1\n" + TEXT).encode("latin-1"), "line 2 holds the byte 0xdf, as Latin-1"),
    ],
)
def test_other_encodings_are_named_with_the_cure(tmp_path: Path, data: bytes, said: str) -> None:
    (tmp_path / "a.toml").write_bytes(data)
    with pytest.raises(InvalidInput, match=rf"a\.toml .*{said}") as refused:
        read_text(tmp_path / "a.toml")
    assert "UTF-8" in refused.value.cure
