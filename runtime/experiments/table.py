"""A table as a value, and its three forms: Markdown, CSV and LaTeX."""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass
from typing import FrozenSet, List, Optional, Tuple, Union

from runtime.errors import InvalidInput
from runtime.experiments.measure import Measure

Cell = Union[str, Measure, None]
"""Words, a number, or nothing measured."""

NOTHING = "-"
_LATEX = str.maketrans(
    {
        "\\": r"\textbackslash{}",
        "~": r"\textasciitilde{}",
        "^": r"\textasciicircum{}",
        **{sign: f"\\{sign}" for sign in "&%$#_{}"},
    }
)
_MARKDOWN = str.maketrans({"|": r"\|", "\n": " ", "*": r"\*", "_": r"\_", "<": "&lt;"})


@dataclass(frozen=True)
class Column:
    """A column of a table.

    Attributes:
        heading: with the unit.
        cells: one per row.
        digits: behind the decimal point.
        scale: numbers are multiplied by it; 100 for percent.
        signed: whether gains get a plus.
        best: rows whose cell is marked as the best of the column.
    """

    heading: str
    cells: Tuple[Cell, ...]
    digits: int = 2
    scale: float = 1.0
    signed: bool = False
    best: FrozenSet[int] = frozenset()

    @property
    def is_words(self) -> bool:
        """Whether it is aligned to the left; numbers are to the right."""
        return any(isinstance(cell, str) for cell in self.cells)

    @property
    def has_ranges(self) -> bool:
        """Whether a number of it is the mean of several that differ."""
        return any(isinstance(cell, Measure) and cell.high > cell.low for cell in self.cells)

    def shown(self, row: int) -> str:
        """A cell as people read it; a mean with its range behind it."""
        cell = self.cells[row]
        if not isinstance(cell, Measure):
            return cell or NOTHING
        text = self.number(cell.mean)
        if cell.high > cell.low:
            text += f" ({self.number(cell.low)} to {self.number(cell.high)})"
        return text

    def number(self, value: float) -> str:
        """A number in the column's unit and digits."""
        scaled = round(value * self.scale, self.digits) + 0.0  # no minus in front of a zero
        return f"{scaled:{'+' if self.signed and scaled else ''},.{self.digits}f}"

    def exact(self, value: float) -> str:
        """A number for further calculation: two digits more, without thousands."""
        return f"{round(value * self.scale, self.digits + 2) + 0.0:.10g}"


@dataclass(frozen=True)
class Table:
    """Columns of equal height under a title.

    Attributes:
        name: of its files.
        title: a phrase, without a full stop.
        columns: at least one; columns that hold nothing but None are left out.
    """

    name: str
    title: str
    columns: Tuple[Column, ...]

    def __post_init__(self) -> None:
        heights = {len(column.cells) for column in self.columns}
        if len(heights) != 1:
            raise InvalidInput(
                f"the columns of the table {self.name!r} have {sorted(heights)} rows",
                "Give all of them one cell per row",
            )
        filled = tuple(
            column for column in self.columns if any(cell is not None for cell in column.cells)
        )
        object.__setattr__(self, "columns", filled)

    @property
    def rows(self) -> int:
        """How many there are."""
        return len(self.columns[0].cells) if self.columns else 0

    def markdown(self) -> str:
        """For reading as it is: aligned columns, the best numbers bold."""
        grid = [[column.heading.translate(_MARKDOWN) for column in self.columns]]
        grid += [[_bold(column, row) for column in self.columns] for row in range(self.rows)]
        widths = [max(3, *(len(line[i]) for line in grid)) for i in range(len(self.columns))]
        rule = [
            "-" * width if column.is_words else "-" * (width - 1) + ":"
            for column, width in zip(self.columns, widths)
        ]
        lines = [
            "| "
            + " | ".join(
                text.ljust(width) if column.is_words else text.rjust(width)
                for text, column, width in zip(line, self.columns, widths)
            )
            + " |"
            for line in (grid[0], rule, *grid[1:])
        ]
        return "\n".join(lines) + "\n"

    def csv(self) -> str:
        """For calculating: a range has two columns of its own, nothing is an empty cell."""
        stream = io.StringIO()
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow([heading for column in self.columns for heading in _csv_headings(column)])
        for row in range(self.rows):
            writer.writerow([cell for column in self.columns for cell in _csv_cells(column, row)])
        return stream.getvalue()

    def latex(self) -> str:
        r"""For a paper: needs `\usepackage{booktabs}`."""
        align = "".join("l" if column.is_words else "r" for column in self.columns)
        lines = [
            r"\begin{table}",
            r"\centering",
            rf"\caption{{{self.title.translate(_LATEX)}.}}",
            rf"\label{{tab:{self.name}}}",
            rf"\begin{{tabular}}{{{align}}}",
            r"\toprule",
            " & ".join(column.heading.translate(_LATEX) for column in self.columns) + r" \\",
            r"\midrule",
            *(self._latex_row(row) for row in range(self.rows)),
            r"\bottomrule",
            r"\end{tabular}",
            r"\end{table}",
        ]
        return "\n".join(lines) + "\n"

    def _latex_row(self, row: int) -> str:
        cells: List[str] = []
        for column in self.columns:
            text = column.shown(row).translate(_LATEX)
            cells.append(rf"\textbf{{{text}}}" if row in column.best else text)
        return " & ".join(cells) + r" \\"


def _bold(column: Column, row: int) -> str:
    text = column.shown(row).translate(_MARKDOWN)
    return f"**{text}**" if row in column.best else text


def _csv_headings(column: Column) -> List[str]:
    extra = ["lowest", "highest"] if column.has_ranges else []
    return [column.heading, *(f"{column.heading}, {word}" for word in extra)]


def _csv_cells(column: Column, row: int) -> List[Optional[str]]:
    cell = column.cells[row]
    if not isinstance(cell, Measure):
        return [cell, *([None, None] if column.has_ranges else [])]
    low_and_high = [cell.low, cell.high] if column.has_ranges else []
    return [column.exact(value) for value in (cell.mean, *low_and_high)]
