from __future__ import annotations

import csv
import io

import pytest

from runtime.errors import InvalidInput
from runtime.experiments.measure import Measure, exactly
from runtime.experiments.table import Column, Table

TABLE = Table(
    "both",
    "Two models & more",
    (
        Column("model", ("full", "half_a|b")),
        Column("parameters", (exactly(22_040_278), exactly(6_010_806)), 0, best=frozenset({1})),
        Column("mIoU, %", (Measure(0.5, 0.25, 0.75, 2), None), scale=100),
        Column("change", (exactly(0.0004), exactly(-0.00004)), scale=100, signed=True),
        Column("nowhere measured", (None, None)),
    ),
)


def test_markdown_aligns_numbers_to_the_right_and_marks_the_best() -> None:
    assert TABLE.markdown().splitlines() == [
        "| model      |    parameters |                mIoU, % | change |",
        "| ---------- | ------------: | ---------------------: | -----: |",
        "| full       |    22,040,278 | 50.00 (25.00 to 75.00) |  +0.04 |",
        r"| half\_a\|b | **6,010,806** |                      - |   0.00 |",
    ]


def test_csv_has_exact_numbers_and_ranges_in_columns_of_their_own() -> None:
    header, *rows = csv.reader(io.StringIO(TABLE.csv()))

    assert header == [
        "model",
        "parameters",
        "mIoU, %",
        "mIoU, %, lowest",
        "mIoU, %, highest",
        "change",
    ]
    assert rows == [
        ["full", "22040278", "50", "25", "75", "0.04"],
        ["half_a|b", "6010806", "", "", "", "-0.004"],
    ]


def test_latex_has_rules_of_booktabs_and_no_sign_that_means_something_else() -> None:
    lines = TABLE.latex().splitlines()

    assert r"\begin{tabular}{lrrr}" in lines
    assert r"\caption{Two models \& more.}" in lines
    assert r"model & parameters & mIoU, \% & change \\" in lines
    assert r"half\_a|b & \textbf{6,010,806} & - & 0.00 \\" in lines
    assert [line for line in lines if line.endswith("rule")] == [
        r"\toprule",
        r"\midrule",
        r"\bottomrule",
    ]


def test_columns_of_different_height_are_refused() -> None:
    with pytest.raises(InvalidInput, match="'uneven' have \\[1, 2\\] rows"):
        Table("uneven", "", (Column("a", ("x",)), Column("b", ("x", "y"))))
