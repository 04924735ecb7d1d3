from __future__ import annotations

import os
from pathlib import Path

from runtime.batch.result_ledger import LEDGER_NAME, Made, ResultLedger, sha256_of_source

BROKEN_OFF = Made("abc", failure="only 2 of 3", done=2, note="at a constant rate")


def test_what_was_noted_is_known_to_the_next_run(tmp_path: Path) -> None:
    result = tmp_path / "left" / "a.png"
    result.parent.mkdir()
    result.touch()
    ResultLedger(tmp_path).note(result, BROKEN_OFF)
    assert ResultLedger(tmp_path).made(result) == BROKEN_OFF


def test_the_last_note_counts(tmp_path: Path) -> None:
    ledger = ResultLedger(tmp_path)
    for source in ("one", "two"):
        ledger.note(tmp_path, Made(source))
    assert ResultLedger(tmp_path).made(tmp_path) == Made("two")


def test_a_name_that_is_no_utf_8_is_a_name(tmp_path: Path) -> None:
    result = tmp_path / os.fsdecode(b"caf\xe9.png")
    result.touch()
    ResultLedger(tmp_path).note(result, Made("one"))
    assert ResultLedger(tmp_path).made(result) == Made("one")


def test_a_line_that_a_killed_run_left_unfinished_costs_nothing_else(tmp_path: Path) -> None:
    ledger = ResultLedger(tmp_path)
    for name in ("a", "b", "c"):
        (tmp_path / name).touch()
    ledger.note(tmp_path / "a", Made("one"))
    with (tmp_path / LEDGER_NAME).open("ab") as file:
        file.write(b'{"result": "b", "sour')
    ResultLedger(tmp_path).note(tmp_path / "c", Made("three"))
    again = ResultLedger(tmp_path)
    found = [again.made(tmp_path / name) for name in ("a", "b", "c")]
    assert found == [Made("one"), None, Made("three")]


def test_a_source_is_its_content(tmp_path: Path) -> None:
    for name, content in (("a", b"same"), ("b", b"same"), ("c", b"other")):
        (tmp_path / name).write_bytes(content)
    a, b, c = (sha256_of_source(tmp_path / name) for name in "abc")
    assert a == b != c
