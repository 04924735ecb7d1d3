from __future__ import annotations

from typing import Any

from runtime.experiments.report.document import document_of
from runtime.experiments.report.tables import all_tables
from runtime.experiments.report.variants import Study
from tests.experiments.report.made_up_study import study_results


def page(**changes: Any) -> str:
    study = Study(study_results(**changes))
    figures = {"Arms of each pruning": "pictures/arms.png", "Classes on val": "pictures/c.png"}
    return document_of(study, all_tables(study), figures)


def test_findings_come_before_numbers() -> None:
    headings = [line[3:] for line in page().splitlines() if line.startswith("## ")]

    assert headings == [
        "What the numbers say",
        "No flags",
        "To bear in mind",
        "The models",
        "Costs of one image",
        "Accuracy on val",
        "Accuracy on held-out drive",
        "Speed of the network alone, one image at a time",
        "Gains and losses of the classes",
        "Beside the paper",
        "Where the numbers come from",
    ]


def test_every_table_and_figure_is_on_the_page() -> None:
    study = Study(study_results())

    assert all(table.markdown().strip() in page() for table in all_tables(study))
    assert "![Arms of each pruning](pictures/arms.png)" in page()
    assert page().index("pictures/c.png") > page().index("Gains and losses")


def test_the_page_says_how_much_of_the_study_it_is() -> None:
    assert "9 of 9 rows, 9 models of one seed each, images of 384 x 480 pixels" in page()
    assert "18 of 20 rows, 9 models of up to 2 seeds each" in page(seeds=(1, 2), expected=20)


def test_arms_are_explained() -> None:
    assert "- **RI-P**: the ticket's control" in page()
    assert "**LRR**" not in page()
