"""`runtime report`: from a study's results to a folder of a page, tables and figures."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Dict

from runtime.errors import OutputFailed
from runtime.experiments.report.document import document_of
from runtime.experiments.report.figures import figures_of
from runtime.experiments.report.tables import all_tables
from runtime.experiments.report.variants import Study
from runtime.experiments.study.results import results_from_file
from runtime.experiments.table import Table
from runtime.files.atomic import write_whole

PAGE_NAME = "report.md"
TABLES, FIGURES = "tables", "pictures"


def run_report(source: Path, out: Path) -> Path:
    """Writes the report and returns its page.

    Args:
        source: a study's folder, or its results file.
        out: a folder; made where it is missing, files of an earlier report are replaced.

    Raises:
        InvalidInput: there are no results, or no row is finished.
        OutputFailed: the folder cannot be written to.
    """
    study = Study(results_from_file(source))
    try:
        for folder in (out / TABLES, out / FIGURES):
            folder.mkdir(parents=True, exist_ok=True)
        tables = all_tables(study)
        for table in tables:
            _write_table(table, out / TABLES)
        figures = _draw_figures(study, out)
        # The page last: where there is one, all that it shows is there.
        page = out / PAGE_NAME
        _write(page, document_of(study, tables, figures))
    except OSError as error:
        raise OutputFailed(
            f"the report cannot be written to {out}: {error.strerror}", "Choose another --out"
        ) from error
    return page


def _write_table(table: Table, folder: Path) -> None:
    stem = file_stem(table.name)
    _write(folder / f"{stem}.csv", table.csv())
    _write(folder / f"{stem}.tex", table.latex())


def _write(path: Path, text: str) -> None:
    write_whole(path, text.encode())


def _draw_figures(study: Study, out: Path) -> Dict[str, str]:
    """Draws all that there are numbers for; paths relative to `out` by what they show."""
    drawn: Dict[str, str] = {}
    for figure in figures_of(study):
        path = f"{FIGURES}/{file_stem(figure.name)}.png"
        if figure.draw(out / path):
            drawn[figure.words] = path
    return drawn


def file_stem(name: str) -> str:
    """A name that is a file's everywhere: other signs than letters and digits become dashes."""
    return re.sub(r"[^A-Za-z0-9]+", "-", name).strip("-").lower()
