from __future__ import annotations

from collections import Counter
from typing import Dict, Set, Tuple

import pytest
import torch

from runtime.builder.pruning.dependencies import groups_of
from runtime.builder.pruning.groups import Group
from runtime.builder.swiftnet import Architecture, SwiftNet
from tests.builder.networks import narrow
from tests.builder.pruning.family import FAMILY, STEM_APART, named

ENDS = {("backbone.conv1.weight", 1), ("backbone.features.0.0.weight", 1)} | {
    ("logits.conv.weight", 0),
    ("logits.conv.bias", 0),
}


def by_name(architecture: Architecture) -> Dict[str, Group]:
    return {group.name: group for group in groups_of(architecture)}


def test_the_studys_network_has_twenty_two() -> None:
    groups = groups_of(Architecture("resnet34", 150, output_stride=8))
    streams = [group.name for group in groups if "." not in group.name]
    insides = [group.name for group in groups if ".block" in group.name]
    assert streams == ["stage1", "stage2", "stage3", "stage4", "decoder"]
    assert len(insides) == 3 + 4 + 6 + 3
    assert len(groups) == 22


def test_a_residual_stream_ties_all_that_it_meets() -> None:
    stage1 = by_name(Architecture("resnet34", 150, output_stride=8))["stage1"]
    assert stage1.sets == ("stem", "stages[0]")
    assert [member.convolution for member in stage1.writers] == [
        "backbone.conv1",
        "backbone.layer1.0.conv2",
        "backbone.layer1.1.conv2",
        "backbone.layer1.2.conv2",
    ]
    assert [member.convolution for member in stage1.readers] == [
        "backbone.layer1.0.conv1",
        "backbone.layer1.1.conv1",
        "backbone.layer1.2.conv1",
        "backbone.layer2.0.conv1",
        "backbone.layer2.0.downsample.0",
    ]
    assert stage1.writers[0].norms == tuple(f"backbone.bn1.{level}" for level in range(3))


def test_a_projections_norm_serves_all_levels() -> None:
    stage2 = by_name(narrow())["stage2"]
    assert stage2.writers[-1].norms == ("backbone.layer2.0.downsample.1",)


def test_a_stem_of_another_width_is_a_group_of_its_own() -> None:
    groups = by_name(STEM_APART)
    assert groups["stem"].sets == ("stem",)
    assert groups["stage1"].sets == ("stages[0]",)


def test_blocks_of_mobilenet_v2_end_where_the_decoder_taps_it() -> None:
    blocks = {name: group.block for name, group in by_name(narrow("mobilenet_v2")).items()}
    stages = [blocks[f"stage{stage}"] for stage in range(1, 8)]
    assert blocks["stem"] == 1
    assert stages == [1, 1, 2, 3, 3, 4, 4]


@pytest.mark.parametrize("architecture", FAMILY, ids=named)
def test_every_channel_of_every_tensor_belongs_to_one_group(architecture: Architecture) -> None:
    with torch.device("meta"):
        state = SwiftNet(architecture).state_dict()
    covered: Counter[Tuple[str, int]] = Counter()
    places: Set[Tuple[str, int, int]] = set()
    for group in groups_of(architecture):
        for slot in group.slots():
            covered[slot.tensor, slot.axis] += group.channels
            places.add((slot.tensor, slot.axis, slot.offset))
    expected = {
        (name, axis): tensor.shape[axis]
        for name, tensor in state.items()
        for axis in range(min(2, tensor.ndim))
        if not name.startswith("backbone.img") and not (axis == 1 and tensor.shape[1] == 1)
    }
    assert covered == {key: size for key, size in expected.items() if key not in ENDS}
    assert len(places) == sum(len(list(group.slots())) for group in groups_of(architecture))


@pytest.mark.parametrize("architecture", FAMILY, ids=named)
def test_agrees_with_torch_pruning(architecture: Architecture) -> None:
    """Torch-Pruning finds groups by tracing gradients, and knows nothing of architectures."""
    torch_pruning = pytest.importorskip(
        "torch_pruning", reason="pip install --no-deps torch-pruning"
    )
    network = SwiftNet(architecture).eval()
    traced = torch_pruning.DependencyGraph().build_dependency(network, torch.rand(1, 3, 64, 64))
    modules = dict(network.named_modules())
    for group in groups_of(architecture):
        ours = {(member.convolution, "out") for member in group.writers}
        ours |= {(member.convolution, "in") for member in group.readers}
        ours |= {(norm, "out") for norm, _ in group.norms()}
        first = network.get_submodule(group.writers[0].convolution)
        found = traced.get_pruning_group(first, torch_pruning.prune_conv_out_channels, idxs=[0])
        theirs = {
            (dependency.target.name.split(" ")[0], dependency.handler.__name__.split("_")[1])
            for dependency, _ in found
        }
        assert {member for member in theirs if member[0] in modules} == ours, group.name
