"""Small SwiftNets with statistics of their own in every batch norm."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from runtime.builder.swiftnet import Architecture, SwiftNet, Widths


def narrow(encoder: str = "resnet18", **options: Any) -> Architecture:
    """A few channels per layer, none of them alike where the family allows it."""
    if encoder == "mobilenet_v2":
        widths = Widths.mobilenet_v2(stem=8, stages=(8, 8, 10, 12, 12, 14, 16))
    else:
        widths = Widths.resnet(int(encoder[-2:]), stem=8, stages=(8, 10, 12, 14))
    return Architecture(encoder, classes=5, features=12, widths=widths, **options)


def randomised(architecture: Architecture, seed: int = 3) -> SwiftNet:
    """A network whose norms all differ: fresh ones are alike on every level and hide mistakes."""
    torch.manual_seed(seed)
    network = SwiftNet(architecture).eval()
    with torch.no_grad():
        for module in network.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.running_mean.normal_(0, 0.3)  # type: ignore[union-attr]
                module.running_var.uniform_(0.5, 1.5)  # type: ignore[union-attr]
                module.weight.uniform_(0.5, 1.5)
                module.bias.normal_(0, 0.3)
    return network
