"""`runtime report`: the tables and plots of a study."""

from __future__ import annotations

import sys
from argparse import ArgumentParser, Namespace
from pathlib import Path

HELP = "write tables, plots and findings of a study"


def add_arguments(parser: ArgumentParser) -> None:
    """Which study, and where to."""
    add = parser.add_argument
    add("study", type=Path, metavar="STUDY", help="folder of a study, or its results.json")
    add(
        "--out",
        type=Path,
        required=True,
        metavar="FOLDER",
        help="write report.md, tables/ and pictures/ there",
    )


def run(arguments: Namespace) -> None:
    """Writes the report, and shows where.

    Raises:
        RuntimeFault: there are no results, or the folder cannot be written to.
    """
    from runtime.experiments.report.command import run_report

    sys.stdout.write(f"{run_report(arguments.study, arguments.out)}\n")
