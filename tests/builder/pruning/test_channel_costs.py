from __future__ import annotations

import dataclasses
from typing import Tuple

import pytest

from runtime.builder.pruning.channel_costs import ChannelCosts
from runtime.builder.pruning.dependencies import groups_of
from runtime.builder.pruning.pruned_architecture import architecture_after
from runtime.builder.swiftnet import Architecture
from runtime.builder.swiftnet.costs import cost_of, padded_macs
from tests.builder.pruning.family import FAMILY, named


@pytest.mark.parametrize("architecture", [FAMILY[0], FAMILY[5], FAMILY[7]], ids=named)
def test_counts_a_narrower_network_without_building_it(architecture: Architecture) -> None:
    costs = ChannelCosts(architecture, 128, 192)
    assert costs.after({}) == cost_of(architecture, 128, 192)
    kept = {g.name: g.channels - 1 for g in groups_of(architecture) if g.block is not None}
    narrower = architecture_after(architecture, kept)
    assert costs.after(kept) == cost_of(narrower, 128, 192)
    assert costs.padded(kept, 8).macs == padded_macs(narrower, 128, 192, alignment=8)


@pytest.mark.parametrize(
    ("group", "expected"),
    [
        # 3x3 filters: 64 in the first stage, 128 in the second. A channel inside a block costs a
        # filter before it, one after it and a norm per level; the stem's filters are 3 x 7 x 7.
        ("stage1.block0", 2 * 64 * 9 + 3 * 2),
        ("stage2.block0", (64 + 128) * 9 + 3 * 2),
        ("stage1", 147 + 3 * 64 * 9 + 4 * 3 * 2 + 3 * 64 * 9 + 128 * 9 + 128),
    ],
)
def test_prices_a_channel_as_by_hand(group: str, expected: int) -> None:
    costs = ChannelCosts(Architecture("resnet34", 150, output_stride=8), 128, 256)
    assert costs.of_one(group).parameters == expected


def test_multiply_adds_of_a_channel_follow_the_area() -> None:
    architecture = dataclasses.replace(FAMILY[0], levels=1)

    def macs(size: Tuple[int, int]) -> int:
        return ChannelCosts(architecture, *size).of_one("stage1.block0").macs

    # Two 3x3 convolutions on 8 channels and a norm, at stride 4.
    assert macs((128, 128)) == (2 * 8 * 9 + 2) * 32 * 32
    assert macs((128, 256)) == 2 * macs((128, 128))
