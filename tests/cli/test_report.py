from __future__ import annotations

from pathlib import Path

import pytest

from runtime.cli.main import main

pytest.importorskip("matplotlib")

from runtime.experiments.study.results import write_results
from tests.experiments.report.made_up_study import row, study_results


def test_a_report_tells_where_it_is(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_results(tmp_path, study_results(models=(row(),)))

    assert main(["report", str(tmp_path), "--out", str(tmp_path / "report")]) == 0

    assert capsys.readouterr().out == f"{tmp_path / 'report' / 'report.md'}\n"


def test_a_folder_without_results_is_refused_in_a_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["report", str(tmp_path), "--out", str(tmp_path / "report")]) == 2

    assert "Give the folder that `runtime study --out` wrote to" in capsys.readouterr().err
