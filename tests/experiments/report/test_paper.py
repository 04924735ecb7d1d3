from __future__ import annotations

from pathlib import Path

import pytest

from runtime.builder.swiftnet import Architecture, Widths
from runtime.builder.swiftnet.costs import cost_of
from runtime.errors import InvalidConfig
from runtime.experiments.report.paper import PAPER_FILE, PaperModel, paper_from_file

PAPER = paper_from_file()
FULL, BLOCKS_1_2, ALL_BLOCKS, _ = PAPER.models


@pytest.mark.parametrize("model", [each for each in PAPER.models if each.widths_known])
def test_the_papers_costs_are_those_of_its_networks(model: PaperModel) -> None:
    full = Widths.of("resnet34").stages
    stages = [width // 2 if str(i + 1) in model.blocks else width for i, width in enumerate(full)]
    widths = Widths.of("resnet34", stem=stages[0], stages=stages)
    architecture = Architecture(widths=widths, **PAPER.network.model_dump())

    cost = cost_of(architecture, *PAPER.size)

    assert cost.parameters == model.parameters
    assert round(cost.gmacs, 2) == model.gmacs


def test_changes_are_against_the_full_model_on_the_same_data_device_and_precision() -> None:
    int8 = next(row for row in ALL_BLOCKS.rows if row.precision == "int8")

    assert (PAPER.baseline_of(int8).miou, PAPER.baseline_of(int8).fps) == (70.60, 30.4)


def test_of_two_full_models_the_more_accurate_is_compared_with() -> None:
    plain = next(row for row in BLOCKS_1_2.rows if row.device is None)

    assert PAPER.baseline_of(plain).miou == 70.65
    assert PAPER.baseline_of(plain).start == "from ADE20K"


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        ("miou = 32.48", "miou = 3248", "miou"),
        ('arm = "lth"', 'arm = "luck"', "arm"),
        ('device = "GTX 1080 Ti", fps = 36.30', "fps = 36.30", "belong together"),
        ("features = 128", "flavours = 128", "flavours"),
        ('name = "full"', 'name = "full"\nblocks = ["1"]', "first model is not the full one"),
        (
            '{ dataset = "ADE20K", miou = 33.89, device = "GTX 1080 Ti", fps = 18.43 },',
            "",
            "not measured as blocks 1 and 2 pruned was on ADE20K",
        ),
    ],
)
def test_a_slip_of_the_pen_is_noticed(tmp_path: Path, old: str, new: str, complaint: str) -> None:
    text = PAPER_FILE.read_text(encoding="utf-8")
    assert old in text
    (tmp_path / "paper.toml").write_text(text.replace(old, new, 1), encoding="utf-8")

    with pytest.raises(InvalidConfig, match=complaint):
        paper_from_file(tmp_path / "paper.toml")
