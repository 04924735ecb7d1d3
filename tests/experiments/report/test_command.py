from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from runtime.errors import InvalidInput, OutputFailed
from runtime.experiments.report.command import file_stem, run_report
from runtime.experiments.study.results import write_results
from tests.experiments.report.made_up_study import row, study_results

LINK = re.compile(r"\]\(([^)]+)\)")
ROOT = Path(__file__).resolve().parents[3]


def test_a_report_is_a_page_with_its_tables_and_figures(tmp_path: Path) -> None:
    results = write_results(tmp_path, study_results(models=(row(), row("blocks-1-2", "ft"))))

    page = run_report(results, tmp_path / "report")

    assert page == tmp_path / "report" / "report.md"
    links = LINK.findall(page.read_text(encoding="utf-8"))
    written = {path.relative_to(page.parent).as_posix() for path in page.parent.rglob("*.*")}
    tables = {name for name in written if name.startswith("tables/")}
    assert len(links) == 6
    assert written == {"report.md", *links, *tables}
    assert {"tables/summary.csv", "tables/accuracy-held-out-drive.tex"} <= tables


def test_the_report_may_lie_in_the_study_s_folder(tmp_path: Path) -> None:
    write_results(tmp_path, study_results(models=(row(),)))

    assert run_report(tmp_path, tmp_path).is_file()


def test_a_missing_study_leaves_nothing_behind(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="no results can be read"):
        run_report(tmp_path / "nowhere", tmp_path / "report")

    assert list(tmp_path.iterdir()) == []


def test_a_file_where_the_folder_should_be_is_refused(tmp_path: Path) -> None:
    results = write_results(tmp_path, study_results(models=(row(),)))

    with pytest.raises(OutputFailed, match="the report cannot be written to"):
        run_report(results, results)


def test_names_become_names_of_files() -> None:
    assert file_stem("accuracy-drive 0001TP (held out)") == "accuracy-drive-0001tp-held-out"


def test_a_report_needs_no_torch() -> None:
    question = "import runtime.experiments.report.command, sys; print('torch' in sys.modules)"

    answer = subprocess.run(
        [sys.executable, "-c", question], cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True
    )

    assert answer.stdout == "False\n"
