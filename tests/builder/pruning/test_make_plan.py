from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from runtime.builder.pruning.apply_plan import pruned_from_plan
from runtime.builder.pruning.dependencies import groups_of
from runtime.builder.pruning.make_plan import best, control_of, plan_from_checkpoint
from runtime.builder.pruning.plan import PruningPlan
from runtime.builder.pruning.request import PruningRequest
from runtime.builder.swiftnet import Architecture, SwiftNet
from runtime.builder.swiftnet.costs import cost_of
from runtime.errors import InvalidInput
from tests.builder.networks import narrow, randomised
from tests.builder.pruning.family import STEM_APART, in_memory

NETWORK = randomised(narrow())
ALL = ("1", "2", "3", "4", "decoder")


def plan(**asked: Any) -> PruningPlan:
    request = PruningRequest(**{"blocks": ALL, "alignment": 1, **asked})
    return plan_from_checkpoint(in_memory(NETWORK), request)


@pytest.mark.parametrize(
    ("blocks", "parameters", "gmacs"),
    [(("1", "2"), 20_857_526, 139.68), (("1", "2", "3", "4"), 6_010_806, 59.75)],
    ids=["blocks 1-2", "all blocks"],
)
def test_reproduces_the_studys_models(blocks: Any, parameters: int, gmacs: float) -> None:
    full = SwiftNet(Architecture("resnet34", classes=150, output_stride=8))
    request = PruningRequest(blocks=blocks, ratio=0.5)
    made = plan_from_checkpoint(in_memory(full), request)
    pruned = pruned_from_plan(full, made)
    cost = cost_of(pruned.architecture, 1024, 2048)
    assert sum(each.numel() for each in pruned.parameters()) == cost.parameters == parameters
    assert round(cost.gmacs, 2) == gmacs


def test_keeps_the_channels_with_the_highest_scores() -> None:
    for group in plan(ratio=0.4).groups.values():
        dropped = set(range(group.channels)) - set(group.kept)
        scores = np.array(group.scores)
        assert scores[list(dropped)].max() <= scores[list(group.kept)].min()


def test_keeps_the_first_of_equals() -> None:
    assert best(np.array([1.0, 2.0, 1.0, 1.0]), 2).tolist() == [0, 1]


def test_the_same_request_gives_the_same_bytes() -> None:
    for importance in ("l1", "random"):
        asked = {"importance": importance, "seed": 7, "rounds": 2}
        assert plan(**asked).text == plan(**asked).text
        assert plan(**asked).sha256 == plan(**asked).sha256
    assert plan(importance="random", seed=7).text != plan(importance="random", seed=8).text


def test_rounds_end_at_the_same_widths_and_may_choose_others() -> None:
    once, often = plan(ratio=0.6), plan(ratio=0.6, rounds=4)
    assert once.widths == often.widths
    assert any(once.groups[name].kept != often.groups[name].kept for name in once.groups)


def test_later_rounds_do_not_see_what_is_gone() -> None:
    """Filters are scored by their readers too: those of channels that are gone must not count."""
    network = randomised(narrow())
    state = network.state_dict()
    with torch.no_grad():
        for writer in ("conv1", "layer1.0.conv2", "layer1.1.conv2"):
            state[f"backbone.{writer}.weight"][:2] *= 1e-3
        state["backbone.layer1.0.conv1.weight"][0] *= 1e-3
        for reader in (
            "layer1.0.conv1",
            "layer1.1.conv1",
            "layer2.0.conv1",
            "layer2.0.downsample.0",
        ):
            state[f"backbone.{reader}.weight"][:, :2] *= 1e-3
        # stage1.block0 is read by conv2, whose first two outputs go in the first round. They alone
        # made channel 0 important.
        state["backbone.layer1.0.conv2.weight"][:2, 0] = 50

    def kept(rounds: int) -> Any:
        request = PruningRequest(
            ratios={"stage1": 0.5, "stage1.block0": 0.5}, alignment=1, rounds=rounds
        )
        return plan_from_checkpoint(in_memory(network), request).groups["stage1.block0"].kept

    assert 0 in kept(rounds=1)
    assert 0 not in kept(rounds=2)


def test_the_control_differs_in_channels_alone() -> None:
    made = plan(ratio=0.4)
    control = control_of(made, seed=5)
    assert control.widths == made.widths
    assert control.checkpoint_sha256 == made.checkpoint_sha256
    assert control == control_of(made, seed=5)
    assert control.groups != control_of(made, seed=6).groups != made.groups
    assert PruningPlan.model_validate_json(control.text) == control


def test_every_group_is_in_the_plan_also_a_whole_one() -> None:
    made = plan(blocks=("1",), ratio=0.5)
    assert list(made.groups) == [group.name for group in groups_of(NETWORK.architecture)]
    assert made.groups["stage3"].kept == tuple(range(12))


def test_refuses_widths_whose_network_would_lose_a_layer() -> None:
    checkpoint = in_memory(randomised(STEM_APART))
    request = PruningRequest(ratios={"stage1": 0.25}, alignment=1)
    with pytest.raises(InvalidInput, match="no such layers"):
        plan_from_checkpoint(checkpoint, request)


def test_refuses_weights_that_are_not_finite() -> None:
    network = randomised(narrow())
    with torch.no_grad():
        network.get_parameter("logits.conv.weight")[0, 0] = float("inf")
    request = PruningRequest(blocks=("1",), alignment=1)
    with pytest.raises(InvalidInput, match="not finite"):
        plan_from_checkpoint(in_memory(network), request)
