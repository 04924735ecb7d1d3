from __future__ import annotations

from typing import Dict, List

import torch
from torch import Tensor
from torch.nn import functional

from runtime.builder.swiftnet import Architecture, SwiftNet, Widths
from runtime.builder.swiftnet.mobilenet_v2 import InvertedResidual
from tests.builder.networks import randomised

NARROW = Widths.mobilenet_v2(stem=8, stages=(8, 8, 10, 12, 12, 14, 16))
STRIDES = {2: 2, 4: 2, 7: 2, 14: 2}


def norm(x: Tensor, state: Dict[str, Tensor], layer: str) -> Tensor:
    mean, variance = state[f"{layer}.running_mean"], state[f"{layer}.running_var"]
    return functional.batch_norm(
        x, mean, variance, state[f"{layer}.weight"], state[f"{layer}.bias"]
    )


def block(x: Tensor, state: Dict[str, Tensor], number: int) -> Tensor:
    """An inverted residual, written out over the keys of an ImageNet checkpoint."""
    layer = f"features.{number}.conv"
    y = x
    depthwise, project = ("0", 1) if number == 1 else ("1", 2)
    if number > 1:
        y = functional.conv2d(y, state[f"{layer}.0.0.weight"])
        y = functional.relu6(norm(y, state, f"{layer}.0.1"))
    filters = state[f"{layer}.{depthwise}.0.weight"]
    stride = STRIDES.get(number, 1)
    y = functional.conv2d(y, filters, stride=stride, padding=1, groups=len(filters))
    y = functional.relu6(norm(y, state, f"{layer}.{depthwise}.1"))
    y = functional.conv2d(y, state[f"{layer}.{project}.weight"])
    y = norm(y, state, f"{layer}.{project + 1}")
    first_of_a_stage = number in (1, 2, 4, 7, 11, 14, 17)
    return y if first_of_a_stage else x + y


@torch.no_grad()
def test_computes_what_its_layers_say() -> None:
    network = randomised(Architecture("mobilenet_v2", 5, variant="single", widths=NARROW))
    state = network.backbone.state_dict()
    image = torch.rand(1, 3, 64, 96)
    x = functional.conv2d(image, state["features.0.0.weight"], stride=2, padding=1)
    x = functional.relu6(norm(x, state, "features.0.1"))
    expected: List[Tensor] = []
    for number in range(1, 18):
        x = block(x, state, number)
        if number in (3, 6, 13, 17):
            expected.append(x)
    taps = network.backbone.taps(image, level=0)
    for tap, same in zip(taps, expected):
        torch.testing.assert_close(tap, same)
    assert [64 // tap.shape[-2] for tap in taps] == [4, 8, 16, 32]


def test_equal_widths_invent_no_shortcut() -> None:
    """torchvision adds a shortcut wherever widths agree; after pruning they may agree by chance."""
    widths = Widths.mobilenet_v2(stem=16, stages=(16, 24, 32, 64, 64, 160, 160))
    network = SwiftNet(Architecture("mobilenet_v2", 5, widths=widths))
    blocks = [part for part in network.modules() if isinstance(part, InvertedResidual)]
    assert [block.residual for block in blocks].count(False) == 7
