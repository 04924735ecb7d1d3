from __future__ import annotations

import pytest

from runtime.builder.swiftnet import Architecture, Widths
from runtime.errors import InvalidConfig


def test_full_widths_are_the_published_ones() -> None:
    assert Widths.resnet(18).stages == (64, 128, 256, 512)
    assert Widths.resnet(34).inner == ((64,) * 3, (128,) * 4, (256,) * 6, (512,) * 3)
    assert Widths.mobilenet_v2().inner[:2] == ((32,), (96, 144))


def test_inner_widths_follow_the_stages_that_are_given() -> None:
    halved = Widths.resnet(34, stem=32, stages=(32, 64, 256, 512))
    assert halved.inner == ((32,) * 3, (64,) * 4, (256,) * 6, (512,) * 3)


def test_every_width_has_a_name() -> None:
    names = dict(Widths.resnet(18, inner=((1, 2), (3, 4), (5, 6), (7, 8))).named())
    assert len(names) == 1 + 4 + 8
    assert names["inner[2][1]"] == 6


def test_padding_rounds_up_every_width_and_leaves_aligned_ones() -> None:
    padded = Widths.resnet(18, stem=1, stages=(32, 33, 64, 65)).padded(32)
    assert (padded.stem, padded.stages) == (32, (32, 64, 64, 96))
    assert padded.inner[3] == (96, 96)


@pytest.mark.parametrize("width", [0, -1, 2.0, "64", True, None])
def test_a_width_is_a_positive_whole_number(width: int) -> None:
    with pytest.raises(InvalidConfig, match="width of stem"):
        Widths(width, (1,), ((1,),))


def test_other_numbers_of_stages_are_refused() -> None:
    with pytest.raises(InvalidConfig, match="3 stage widths"):
        Widths.resnet(18, stages=(64, 128, 256))
    with pytest.raises(InvalidConfig, match="one tuple"):
        Widths.resnet(18, inner=((64, 64),))
    with pytest.raises(InvalidConfig, match="resnet50"):
        Widths.resnet(50)


def test_widths_of_another_encoder_do_not_fit() -> None:
    with pytest.raises(InvalidConfig, match=r"resnet34 has \(3, 4, 6, 3\)"):
        Architecture("resnet34", 19, widths=Widths.resnet(18))
    narrow_first_block = ((16,), *Widths.mobilenet_v2().inner[1:])
    with pytest.raises(InvalidConfig, match="does not expand"):
        Architecture("mobilenet_v2", 19, widths=Widths.mobilenet_v2(inner=narrow_first_block))
