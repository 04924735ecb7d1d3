from __future__ import annotations

import pytest

from runtime.builder.swiftnet import Architecture, Widths
from runtime.builder.swiftnet.costs import cost_of
from runtime.experiments.report import paper


@pytest.mark.parametrize("model", [each for each in paper.MODELS if each.widths_known])
def test_the_papers_costs_are_those_of_its_networks(model: paper.PaperModel) -> None:
    full = Widths.of("resnet34").stages
    stages = [width // 2 if str(i + 1) in model.blocks else width for i, width in enumerate(full)]
    widths = Widths.of("resnet34", stem=stages[0], stages=stages)

    cost = cost_of(Architecture(widths=widths, **paper.NETWORK), *paper.SIZE)

    assert cost.parameters == model.parameters
    assert round(cost.gmacs, 2) == model.gmacs


def test_every_pruned_model_has_a_full_one_to_be_compared_with() -> None:
    for row in paper.ROWS:
        assert [
            other
            for other in paper.ROWS
            if other.model is paper.FULL
            and (other.dataset, other.device, other.precision)
            == (row.dataset, row.device, row.precision)
        ]
