from __future__ import annotations

import pytest

from runtime.batch.progress import console_progress


def test_where_nothing_is_done_nothing_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    with console_progress():
        pass
    assert capsys.readouterr().err == ""


def test_the_bar_is_on_standard_error_and_ends_full(capsys: pytest.CaptureFixture[str]) -> None:
    with console_progress() as progress:
        progress("a.jpg", 1, None)
        progress("b.jpg", 2, 2)
    told = capsys.readouterr()
    assert told.out == ""
    assert "b.jpg" in told.err
    assert "2/2" in told.err
