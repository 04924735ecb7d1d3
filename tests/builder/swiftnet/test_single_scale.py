from __future__ import annotations

import torch

from runtime.builder.swiftnet import SwiftNet
from tests.builder.networks import narrow, randomised


@torch.no_grad()
def test_the_decoder_reads_sums_from_after_the_relu() -> None:
    backbone = randomised(narrow(variant="single")).backbone
    taps = backbone.taps(torch.rand(1, 3, 64, 64), level=0)
    assert all(tap.min() == 0 for tap in taps)


def test_keeps_one_batch_norm_per_convolution() -> None:
    keys = SwiftNet(narrow(variant="single")).state_dict()
    assert "backbone.bn1.weight" in keys
    assert not any(key.startswith("backbone.bn1.0") for key in keys)


@torch.no_grad()
def test_pooling_grids_follow_the_images_shape() -> None:
    network = randomised(narrow(variant="single"))
    for size in ((128, 32), (32, 128), (96, 96)):
        assert network(torch.rand(1, 3, *size)).shape[-2:] == (size[0] // 4, size[1] // 4)
