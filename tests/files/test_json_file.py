from __future__ import annotations

import codecs
from pathlib import Path

import pytest

from runtime.files.json_file import read_json


def test_a_byte_order_mark_is_no_part_of_what_is_said(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_bytes(codecs.BOM_UTF8 + '{"name": "straße"}'.encode())
    assert read_json(tmp_path / "a.json") == {"name": "straße"}


@pytest.mark.parametrize("text", ['{"a": 1, "a": 2}', '{"in": [{"b": 1, "a": 2, "a": 2}]}'])
def test_a_key_that_is_said_twice_is_named(tmp_path: Path, text: str) -> None:
    (tmp_path / "a.json").write_text(text, encoding="utf-8")
    with pytest.raises(ValueError, match="the key 'a' is said twice"):
        read_json(tmp_path / "a.json")
