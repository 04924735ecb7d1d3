from __future__ import annotations

import torch
from torch import nn

from runtime.builder.swiftnet import SwiftNet
from tests.builder.networks import narrow, randomised


def changed_by(network: SwiftNet, layer: str) -> bool:
    """Whether zeroing the scale of a batch norm changes the answer."""
    image = torch.rand(1, 3, 64, 64)
    norm = network.backbone.get_submodule(layer)
    assert isinstance(norm, nn.BatchNorm2d)
    with torch.no_grad():
        before = network(image)
        norm.weight.zero_()
        return not torch.equal(before, network(image))


def test_each_level_has_batch_norms_of_its_own() -> None:
    for level in range(3):
        assert changed_by(randomised(narrow()), f"layer2.0.bn1.{level}")


@torch.no_grad()
def test_a_levels_batch_norms_serve_that_level_alone() -> None:
    backbone = randomised(narrow()).backbone
    image = torch.rand(1, 3, 64, 64)
    before = [backbone.taps(image, level) for level in range(3)]
    backbone.get_parameter("layer1.0.bn1.1.weight").zero_()
    after = [backbone.taps(image, level) for level in range(3)]
    same = [torch.equal(old[0], new[0]) for old, new in zip(before, after)]
    assert same == [True, False, True]


@torch.no_grad()
def test_the_decoder_reads_sums_from_before_the_relu() -> None:
    taps = randomised(narrow()).backbone.taps(torch.rand(1, 3, 64, 64), level=0)
    assert all(tap.min() < 0 for tap in taps)
    assert [64 // tap.shape[-1] for tap in taps] == [4, 8, 16, 32]


def test_output_stride_8_leaves_out_the_finest_skip() -> None:
    fine = SwiftNet(narrow(output_stride=4)).state_dict()
    coarse = SwiftNet(narrow(output_stride=8)).state_dict()
    left_out = {key for key in fine if key not in coarse}
    assert "backbone.upsample_bottlenecks.3.weight" in left_out
    assert all(".3." in key or ".4." in key for key in left_out)
