"""`runtime check-dataset`, and the same check before other commands begin their work."""

from __future__ import annotations

from pathlib import Path
from typing import Mapping, Optional, Sequence

from rich.console import Console

from runtime.builder.data.check import DatasetCheck, by_split, check_dataset
from runtime.builder.data.check_report import report_json, shares_table
from runtime.builder.data.dataset import SegmentationDataset
from runtime.builder.data.layouts import open_dataset
from runtime.builder.progress import ConsoleReporter
from runtime.console import error_console, output_console
from runtime.files.atomic import write_whole

REPORT_NAME, SHEET_NAME = "check.json", "examples.png"
_TITLE = "checking the dataset"


def check_before_work(groups: Mapping[str, SegmentationDataset]) -> None:
    """Checks what a command is about to use; says on stderr what is odd about it.

    Args:
        groups: parts that should share no image, by name, such as those to learn from and to
            measure on.

    Raises:
        InvalidInput: something is wrong with it.
    """
    told = error_console()
    check = _checked(groups, told)
    _tell(check.odd, "warning", told)
    check.require_sound()


def run_check_dataset(folder: Path, out: Optional[Path]) -> None:
    """Shows everything that a check finds.

    Args:
        folder: of the dataset.
        out: gets the report as check.json and a sheet of examples as examples.png; None for
            neither.

    Raises:
        InvalidInput: the folder is no dataset, or something is wrong with it.
    """
    groups = by_split(open_dataset(folder))
    told = error_console()
    check = _checked(groups, told)
    output_console().print(shares_table(check))
    if out is not None:
        write_whole(out / REPORT_NAME, report_json(check).encode())
        if any(group.samples for group in check.groups):
            # Drawn by Matplotlib, which a check alone does without.
            from runtime.builder.data.example_sheet import write_example_sheet

            write_example_sheet(groups, out / SHEET_NAME)
    _tell(check.odd, "warning", told)
    _tell(check.wrong[1:], "wrong", told)
    check.require_sound()


def _checked(groups: Mapping[str, SegmentationDataset], told: Console) -> DatasetCheck:
    with ConsoleReporter(told).step(_TITLE, sum(map(len, groups.values()))) as advance:
        return check_dataset(groups, advance)


def _tell(sentences: Sequence[str], kind: str, told: Console) -> None:
    for sentence in sentences:
        told.print(f"{kind}: {sentence}.", soft_wrap=True, highlight=False, markup=False)
