from __future__ import annotations

from typing import Any, Dict

import pytest

from runtime.builder.pruning.dependencies import groups_of
from runtime.builder.pruning.request import MaskRequest, PruningRequest
from runtime.errors import InvalidInput
from tests.builder.networks import narrow

GROUPS = groups_of(narrow())


def test_blocks_name_groups_of_the_encoder_and_the_decoder() -> None:
    chosen = PruningRequest(blocks=("1", "decoder")).chosen(GROUPS)
    assert [group.name for group in chosen] == [
        "stage1",
        "stage1.block0",
        "stage1.block1",
        "decoder",
        "decoder.last",
    ]


def test_a_groups_own_ratio_chooses_it() -> None:
    chosen = PruningRequest(blocks=("4",), ratios={"stage3": 0.2}).chosen(GROUPS)
    assert {group.name for group in chosen} == {
        "stage3",
        "stage4",
        "stage4.block0",
        "stage4.block1",
    }


def test_the_order_of_blocks_does_not_matter() -> None:
    assert PruningRequest(blocks=("2", "1", "2")) == PruningRequest(blocks=("1", "2"))


@pytest.mark.parametrize(
    ("asked", "complaint"),
    [
        ({"blocks": ("5",)}, "no block '5'"),
        ({"blocks": ("1", "stem")}, "no block 'stem'"),
        ({"blocks": ("1",), "ratio": 1.0}, "share to remove is 1"),
        ({"blocks": ("1",), "ratio": -0.1}, "share to remove is -0.1"),
        ({"blocks": ("1",), "ratio": float("nan")}, "share to remove is nan"),
        ({"ratios": {"stage1": 1.5}}, "ratio of stage1 is 1.5"),
        ({"blocks": ("1",), "alignment": 0}, "alignment is 0"),
        ({"blocks": ("1",), "rounds": 0}, "rounds is 0"),
        ({"blocks": ("1",), "size": (16, 2048)}, "image is 16x2048"),
        ({"ratios": {"stage9": 0.5}}, "no group 'stage9'"),
        ({}, "no block is chosen"),
        (
            {"blocks": ("1",), "ratios": {"stage1": 0.5}, "allocation": "global"},
            "ratios of single groups contradict the allocation 'global'",
        ),
    ],
)
def test_refuses_in_a_sentence(asked: Dict[str, Any], complaint: str) -> None:
    with pytest.raises(InvalidInput, match=complaint) as refused:
        PruningRequest(**asked).chosen(GROUPS)
    assert refused.value.cure


def test_masks_need_a_share_too() -> None:
    with pytest.raises(InvalidInput, match="share of weights to remove is 2"):
        MaskRequest(ratio=2)
