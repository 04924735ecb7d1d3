from __future__ import annotations

import json
from pathlib import Path

import pytest

from runtime.errors import InvalidInput
from runtime.names import encodable, shown
from tests.awkward_names import NOT_UTF8, STEMS


@pytest.mark.parametrize("name", STEMS)
def test_a_shown_name_is_one_line_of_text(name: str) -> None:
    told = shown(name)
    assert told.encode("utf-8").decode("utf-8") == told
    assert told.isprintable()


def test_an_ordinary_name_is_shown_as_it_is() -> None:
    assert shown(Path("Straße [1]/信号 100%.jpg")) == "Straße [1]/信号 100%.jpg"


def test_what_is_no_character_is_escaped() -> None:
    assert shown(NOT_UTF8) == "caf\\udce9"
    assert shown("a\nb\x1b") == "a\\nb\\x1b"


def test_names_that_differ_are_shown_differently() -> None:
    assert len({shown(name) for name in STEMS}) == len(STEMS)


def test_lines_stay_where_text_has_some() -> None:
    assert encodable(f"first\n{NOT_UTF8}") == "first\ncaf\\udce9"


def test_a_fault_that_quotes_a_name_can_be_sent_and_written() -> None:
    fault = InvalidInput(f"{NOT_UTF8}.jpg is broken", f"Replace {NOT_UTF8}.jpg")
    assert str(fault) == "caf\\udce9.jpg is broken. Replace caf\\udce9.jpg."
    assert json.dumps([fault.problem, fault.cure], ensure_ascii=False).encode("utf-8")
