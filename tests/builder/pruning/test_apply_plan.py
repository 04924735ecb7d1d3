from __future__ import annotations

import dataclasses
from typing import Any

import pytest
import torch

from runtime.builder.checkpoint import Checkpoint, transfer
from runtime.builder.pruning.apply_plan import (
    ChannelCut,
    moments_after,
    pruned_from_plan,
)
from runtime.builder.pruning.make_plan import plan_from_checkpoint
from runtime.builder.pruning.plan import PruningPlan
from runtime.builder.pruning.request import PruningRequest
from runtime.builder.swiftnet import Architecture, SwiftNet
from runtime.errors import InvalidInput
from tests.builder.networks import narrow, randomised
from tests.builder.pruning.family import FAMILY, in_memory, masked, named

IMAGE = torch.rand(1, 3, 64, 128)


def plan_for(network: SwiftNet, **asked: Any) -> PruningPlan:
    everything = {"blocks": ("1", "2", "3", "4", "decoder"), "ratio": 0.4, "alignment": 1}
    return plan_from_checkpoint(in_memory(network), PruningRequest(**{**everything, **asked}))


@pytest.mark.parametrize("architecture", FAMILY, ids=named)
@torch.no_grad()
def test_gives_what_the_whole_network_gives_with_silent_channels(
    architecture: Architecture,
) -> None:
    network = randomised(architecture)
    plan = plan_for(network, importance="random")
    pruned = pruned_from_plan(network, plan)
    assert pruned.architecture == plan.after
    silent = masked(network, plan)(IMAGE)
    torch.testing.assert_close(pruned(IMAGE), silent, rtol=0, atol=1e-4)
    assert not torch.allclose(silent, network(IMAGE), atol=1)


def test_shares_nothing_with_the_network_it_came_from() -> None:
    network = randomised(narrow())
    pruned = pruned_from_plan(network, plan_for(network, blocks=("1",)))
    theirs = {tensor.data_ptr() for tensor in network.state_dict().values()}
    assert theirs.isdisjoint(tensor.data_ptr() for tensor in pruned.state_dict().values())
    assert all(parameter.requires_grad for parameter in pruned.parameters())
    assert not pruned.training


def test_can_be_pruned_again() -> None:
    network = randomised(narrow())
    once = pruned_from_plan(network, plan_for(network, ratio=0.2))
    twice = pruned_from_plan(once, plan_for(once, ratio=0.2))
    assert twice.architecture.widths.stages < once.architecture.widths.stages


def test_takes_its_own_checkpoint_alone() -> None:
    cut = ChannelCut(plan_for(randomised(narrow())))
    cut.require_checkpoint("0" * 64)
    with pytest.raises(InvalidInput, match=r"plan of checkpoint 0{12} cannot prune .* 1{12}"):
        cut.require_checkpoint("1" * 64)


@pytest.mark.parametrize(
    ("other", "complaint"),
    [
        (narrow("resnet34"), "encoder resnet18, and this one has resnet34"),
        (narrow(levels=2), "levels 3, and this one has 2"),
        (FAMILY[-1], "stem"),
    ],
)
def test_refuses_another_geometry(other: Architecture, complaint: str) -> None:
    plan = plan_for(randomised(narrow()))
    with pytest.raises(InvalidInput, match=complaint):
        pruned_from_plan(SwiftNet(other), plan)


def test_fits_the_same_network_with_other_classes() -> None:
    plan = plan_for(randomised(narrow()))
    others = SwiftNet(dataclasses.replace(narrow(), classes=9))
    assert pruned_from_plan(others, plan).architecture.classes == 9


def test_a_pruned_network_moves_to_other_classes() -> None:
    """Prune on one dataset, train on another: how the study made its best models."""
    network = randomised(narrow())
    plan = plan_for(network)
    pruned = Checkpoint(pruned_from_plan(network, plan), {}, "2" * 64)
    moved = transfer(pruned, classes=3)
    assert moved.architecture.widths == plan.after.widths
    assert moved.eval()(IMAGE).shape[1] == 3


def test_an_optimisers_moments_are_cut_like_their_parameters() -> None:
    network = randomised(narrow()).train()
    optimiser = torch.optim.AdamW(network.parameters())
    network(torch.rand(2, 3, 64, 64)).square().mean().backward()
    optimiser.step()
    moments = {name: optimiser.state[each] for name, each in network.named_parameters()}
    plan = plan_for(network)
    cut = moments_after(moments, ChannelCut(plan))
    for name, parameter in pruned_from_plan(network, plan).named_parameters():
        assert cut[name]["exp_avg"].shape == parameter.shape
        assert cut[name]["step"] == 1
    kept = torch.tensor(plan.groups["stage1.block0"].kept)
    read_by = "backbone.layer1.0.conv2.weight"
    streams = torch.tensor(plan.groups["stage1"].kept)
    expected = moments[read_by]["exp_avg_sq"][streams][:, kept]
    assert torch.equal(cut[read_by]["exp_avg_sq"], expected)
