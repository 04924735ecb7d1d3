from __future__ import annotations

from typing import Any, Dict

import numpy as np
import pytest

from runtime.builder.pruning.allocation import allocated
from runtime.builder.pruning.channel_costs import ChannelCosts
from runtime.builder.pruning.dependencies import groups_of
from runtime.builder.pruning.request import PruningRequest
from runtime.builder.swiftnet import Architecture, Widths
from runtime.errors import InvalidInput
from tests.builder.networks import narrow

SIZE = (128, 128)
WIDE = Architecture("resnet18", 5, features=64)
SMALL = narrow()


def kept(architecture: Architecture, **asked: Any) -> Dict[str, int]:
    """Allocates among groups whose later channels are the more important ones."""
    groups = groups_of(architecture)
    scores = {group.name: np.linspace(0.5, 1.5, group.channels) for group in groups}
    request = PruningRequest(**{"alignment": 1, "size": SIZE, **asked})
    return allocated(groups, scores, request, lambda: ChannelCosts(architecture, *SIZE))


class TestLocal:
    def test_removes_the_ratio_of_each_chosen_group(self) -> None:
        left = kept(WIDE, blocks=("1", "2"), ratio=0.25)
        assert (left["stage1"], left["stage1.block0"], left["stage2"]) == (48, 48, 96)
        assert (left["stage3"], left["decoder"]) == (256, 64)

    def test_gives_single_groups_their_own(self) -> None:
        left = kept(WIDE, blocks=("1",), ratio=0.5, ratios={"stage1": 0.25, "stage4.block1": 0.75})
        assert (left["stage1"], left["stage1.block0"], left["stage4.block1"]) == (48, 32, 128)

    @pytest.mark.parametrize(
        ("ratio", "alignment", "floor", "expected"),
        [
            (0.5, 32, 1, 32),
            (0.3, 32, 1, 32),  # 44.8 is nearer to 32 than to 64
            (0.25, 32, 1, 64),  # 48 is in the middle: the larger one
            (0.9, 32, 1, 32),  # never less than one unit
            (0.9, 1, 1, 6),
            (0.9, 1, 10, 10),
            (0.9, 8, 10, 16),
        ],
    )
    def test_aligns_to_the_nearest_width(
        self, ratio: float, alignment: int, floor: int, expected: int
    ) -> None:
        asked = {"ratios": {"stage1": ratio, "stage4": 0.5}, "floor": floor}
        assert kept(WIDE, alignment=alignment, **asked)["stage1"] == expected

    def test_leaves_groups_whole_that_are_no_wider_than_the_alignment(self) -> None:
        mobile = Architecture("mobilenet_v2", 5)
        left = kept(mobile, blocks=("1", "4"), ratio=0.5, alignment=32)
        assert (left["stem"], left["stage2"]) == (32, 24)
        assert left["stage6"] == 96  # 80 of 160 is in the middle of 64 and 96

    def test_treats_all_of_the_decoder_alike(self) -> None:
        left = kept(WIDE, ratios={"decoder": 0.5})
        assert (left["decoder"], left["decoder.last"]) == (32, 32)
        pooled = kept(narrow(variant="single"), blocks=("decoder",), ratio=0.5)
        assert (pooled["decoder.context"], pooled["decoder.grid0"]) == (6, 2)


class TestGlobal:
    def test_removes_the_ratio_of_all_channels_together(self) -> None:
        groups = [g for g in groups_of(SMALL) if g.block is not None]
        left = kept(SMALL, blocks=("1", "2", "3", "4"), ratio=0.3, allocation="global")
        before = sum(group.channels for group in groups)
        assert sum(left[g.name] for g in groups) == before - round(0.3 * before)

    def test_spares_the_groups_that_matter(self) -> None:
        groups = groups_of(SMALL)
        scores = {group.name: np.full(group.channels, 1.0) for group in groups}
        scores["stage1.block0"] = np.array([0.1] * 7 + [7.3])
        request = PruningRequest(
            blocks=("1", "2"), ratio=0.11, allocation="global", alignment=1, cap=0.75
        )
        left = allocated(groups, scores, request, lambda: ChannelCosts(SMALL, *SIZE))
        # Six of them at once: the cap protects the seventh.
        assert left["stage1.block0"] == 2
        assert all(left[g.name] == g.channels for g in groups if g.name != "stage1.block0")

    def test_says_when_cap_and_floor_leave_too_little(self) -> None:
        with pytest.raises(InvalidInput, match=r"only 6 can go under a cap of 0\.25"):
            kept(SMALL, blocks=("1",), ratio=0.5, allocation="global", cap=0.25)


class TestCost:
    def test_meets_the_budget_and_hardly_more(self) -> None:
        costs = ChannelCosts(SMALL, *SIZE)
        left = kept(SMALL, blocks=("1", "2", "3", "4"), ratio=0.3, allocation="cost")
        saved = 1 - costs.after(left).macs / costs.after({}).macs
        dearest = max(costs.of_one(group.name).macs for group in groups_of(SMALL))
        assert 0.3 <= saved <= 0.3 + dearest / costs.after({}).macs

    def test_removes_costly_channels_first(self) -> None:
        left = kept(WIDE, blocks=("1", "2", "3", "4"), ratio=0.3, allocation="cost")
        shares = {
            name: left[name] / width for name, width in ChannelCosts(WIDE, *SIZE).channels.items()
        }
        assert shares["stage1"] < shares["stage4.block1"]

    def test_meets_it_with_aligned_widths_too(self) -> None:
        costs = ChannelCosts(WIDE, *SIZE)
        left = kept(WIDE, blocks=("1", "2", "3", "4"), ratio=0.3, allocation="cost", alignment=32)
        assert all(width % 32 == 0 for width in left.values())
        assert costs.after(left).macs <= 0.7 * costs.after({}).macs

    def test_says_how_much_can_be_saved_at_most(self) -> None:
        with pytest.raises(InvalidInput, match=r"saving 90% .* can save \d+\.\d%"):
            kept(SMALL, blocks=("1",), ratio=0.9, allocation="cost")


def test_says_when_nothing_would_be_removed() -> None:
    with pytest.raises(InvalidInput, match="removes no channel"):
        kept(SMALL, blocks=("1",), ratio=0.5, alignment=32)


def test_widths_of_any_history_can_be_pruned_again() -> None:
    odd = Architecture("resnet18", 5, features=12, widths=Widths.resnet(18, 9, (9, 33, 40, 70)))
    left = kept(odd, blocks=("1", "2", "3", "4"), ratio=0.5, alignment=32)
    assert (left["stage1"], left["stage2"], left["stage3"], left["stage4"]) == (9, 32, 32, 32)
