from __future__ import annotations

import dataclasses

import pytest

from runtime.builder.swiftnet import Architecture, Widths
from runtime.errors import InvalidInput
from runtime.experiments.profile.layer_map import Place, places_in
from runtime.experiments.profile.profile import Profile, not_faster, profile_from_passes, spread
from runtime.experiments.profile.runner import narrowed_blocks

PASS = {
    "image/shrunk2": 0.5,
    "backbone.conv1@level0": 2.0,
    "backbone.conv1@level1": 0.5,
    "backbone.layer1.0.conv1@level0": 3.0,
    "backbone.layer1.0.conv2@level0": 5.0,
    "backbone.layer1.0.conv1@level1": 1.0,
    "backbone.upsample_blends.0.blend_conv.conv": 4.0,
    "logits.conv": 0.25,
    "Reorder_7": 0.75,
}


def profile(factor: float = 1.0, model: str = "full") -> Profile:
    """Three passes around `factor` times PASS, the middle one exactly."""
    passes = [{name: factor * share * ms for name, ms in PASS.items()} for share in (1.2, 1.0, 0.9)]
    forwards = [18 * factor, 17 * factor, 25 * factor]
    return profile_from_passes((model, "openvino fp32"), passes, forwards, places_in("resnet18"))


def test_sums_layers_by_part_and_takes_medians() -> None:
    found = profile()
    assert found.parts[Place("block 1", 0)].mean == pytest.approx(8.0)
    assert found.parts[Place("block 1", 1)].mean == pytest.approx(1.0)
    assert found.parts[Place("scaling", 1)].mean == pytest.approx(0.5)
    assert found.level_ms(1) == pytest.approx(2.0)
    assert found.forward.mean == 18


def test_shows_what_belongs_nowhere() -> None:
    found = profile()
    assert found.rest.mean == pytest.approx(0.75)
    assert found.layers.mean == pytest.approx(sum(PASS.values()))
    attributed = sum(measure.mean for measure in found.parts.values())
    assert attributed + found.rest.mean == pytest.approx(found.layers.mean)


def test_refuses_layers_of_another_network() -> None:
    with pytest.raises(InvalidInput, match="none of the 1 layers of alien"):
        profile_from_passes(("alien", "tensorrt"), [{"fc": 1.0}], [1.0], places_in("resnet18"))


def test_flags_narrowed_blocks_that_are_no_faster() -> None:
    whole, pruned = profile(), profile(0.5, "pruned")
    slow = {**pruned.parts, Place("block 1", 1): spread([1.0])}
    pruned = dataclasses.replace(pruned, parts=slow, narrowed=frozenset({"block 1"}))
    (flag,) = not_faster(pruned, whole)
    assert flag.startswith("pruned, level 1, block 1: 1.00 ms is not clearly faster than 1.00 ms")
    unpruned = dataclasses.replace(pruned, narrowed=frozenset())
    assert not_faster(unpruned, whole) == ()


def test_flags_a_forward_pass_that_is_no_faster() -> None:
    (flag,) = not_faster(profile(1.0, "pruned"), profile())
    assert "its forward pass of 18.00 ms" in flag


def test_knows_which_blocks_pruning_made_narrower() -> None:
    whole = Architecture("resnet18", 5)
    inner = ((64, 64), (128, 64), (256, 256), (512, 512))
    pruned = Architecture("resnet18", 5, widths=Widths.resnet(18, inner=inner))
    assert narrowed_blocks(pruned, whole) == {"block 2"}
    assert narrowed_blocks(whole, whole) == frozenset()
    assert narrowed_blocks(Architecture("mobilenet_v2", 5), whole) == frozenset()
