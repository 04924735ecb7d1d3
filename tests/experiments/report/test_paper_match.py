from __future__ import annotations

from typing import Any, Optional, Set

import pytest

from runtime.experiments.report.paper import PaperModel, paper_from_file
from runtime.experiments.report.paper_match import Counterpart, counterpart_of
from runtime.experiments.report.paper_table import paper_table
from runtime.experiments.report.variants import Study
from runtime.experiments.study.results import StudiedModel
from runtime.experiments.table import Table
from tests.experiments.report.made_up_study import architecture, row, study_results

PAPER = paper_from_file()
WHOLE, BLOCKS_1_2, ALL_BLOCKS, ITERATIVE = PAPER.models


def of_the_paper(pruning: Optional[str], arm: Optional[str], **changes: Any) -> StudiedModel:
    content = {
        "architecture": architecture("resnet34", classes=150),
        "size": (1024, 2048),
        "parameters": 22_040_278,
        "macs": 209_669_652_480,
    }
    return row(pruning, arm, **{**content, **changes})


FULL = of_the_paper(None, None)
HALF = of_the_paper("blocks-1-2", "lth", parameters=20_857_526, macs=139_680_000_000)


def counterpart(*models: StudiedModel, of: int = -1) -> Counterpart:
    study = Study(study_results(models=models))
    return counterpart_of(PAPER, study, study.variants[of])


def test_the_same_network_is_found_by_its_layers_and_costs() -> None:
    assert counterpart(FULL).model is WHOLE
    assert counterpart(FULL).same
    assert counterpart(FULL, HALF).model is BLOCKS_1_2
    assert counterpart(FULL, HALF).same


def test_the_iteratively_pruned_one_is_found_by_its_costs() -> None:
    mine = of_the_paper("mine", "lrr", parameters=21_004_589, macs=143_125_264_384, blocks=("1",))

    found = counterpart(FULL, mine)

    assert (found.model, found.same) == (ITERATIVE, True)


@pytest.mark.parametrize(
    "change",
    [
        {"architecture": architecture("resnet34", classes=19)},
        {"size": (512, 1024)},
        {"parameters": 22_040_279},
        {"macs": 209_700_000_000},
    ],
)
def test_any_difference_makes_it_another_network(change: Any) -> None:
    found = counterpart(of_the_paper(None, None, **change))

    assert found.model is WHOLE
    assert not found.same


def test_another_network_is_put_beside_the_one_with_the_same_blocks() -> None:
    found = counterpart(row(), row("blocks-1-2", "ft"), row("all-blocks", "ri"))

    assert (found.model, found.same) == (ALL_BLOCKS, False)


@pytest.mark.parametrize(("left", "model"), [(0.95, WHOLE), (0.6, BLOCKS_1_2), (0.1, ALL_BLOCKS)])
def test_other_prunings_are_put_beside_what_is_left_with_as_much(
    left: float, model: PaperModel
) -> None:
    full = row()
    pruned = row("blocks-1-2", "ft", ratio=0.3, blocks=("3",), macs=round(full.macs * left))

    found = counterpart(full, pruned)

    assert (found.model, found.same) == (model, False)


def test_the_table_says_which_rows_are_the_papers_and_of_which_network() -> None:
    same = paper_table(Study(study_results(models=(FULL, HALF))))
    another = paper_table(Study(study_results()))

    def whose(table: Table) -> Set[object]:
        return set(table.columns[0].cells)

    assert whose(same) == {"this study", "the paper"}
    assert whose(another) == {"this study", "the paper's RN34 (another network)"}
    assert "| the paper" in same.markdown()
    (line,) = [line for line in same.markdown().splitlines() if "blocks 1 and 2 pruned LTH" in line]
    cells = [cell.strip() for cell in line.strip("|").split("|")]
    assert cells == [
        "the paper",
        "blocks 1 and 2 pruned LTH",
        "ADE20K",
        "-",
        "20,857,526",
        "139.68",
        "32.48",
        "-1.41",
        "GTX 1080 Ti",
        "24.6",
        "1.34",
    ]
