from __future__ import annotations

from pathlib import Path

from runtime.experiments.study.cpu_time import SpentTime


def test_attempts_are_added_up(tmp_path: Path) -> None:
    assert SpentTime(tmp_path).seconds() is None
    with SpentTime(tmp_path):
        pass
    (tmp_path / "seconds-1-1.txt").write_text("2.5\n", encoding="utf-8")
    spent = SpentTime(tmp_path).seconds()
    assert spent is not None
    assert 2.5 <= spent < 60
