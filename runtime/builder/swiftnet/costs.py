"""Parameters and multiply-adds of a SwiftNet, by the counting rule of the pruning study.

A convolution costs, per output element, one multiply-add for each weight that reaches it and one
more for its bias; a batch norm costs two per output element. Interpolation, ReLU, pooling and
additions are free. Everything runs on torch's meta device: shapes only, no memory.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any, List, Tuple

import torch
from torch import Tensor, nn

from runtime.builder.swiftnet import Architecture, SwiftNet
from runtime.builder.swiftnet.widths import round_up


@dataclass(frozen=True)
class Cost:
    """What one image costs.

    Attributes:
        parameters: learned numbers; batch norms' running statistics are not among them.
        macs: multiply-adds.
    """

    parameters: int
    macs: int

    @property
    def gmacs(self) -> float:
        """Multiply-adds in units of 10^9."""
        return self.macs / 1e9


def cost_of(architecture: Architecture, height: int, width: int) -> Cost:
    """Counts `architecture` for one image of `height` x `width` pixels.

    Args:
        architecture: of the network.
        height: of the image in pixels.
        width: of the image in pixels.
    """
    with torch.device("meta"):
        model = SwiftNet(architecture).eval()
        image = torch.empty(1, 3, height, width)
    return Cost(sum(parameter.numel() for parameter in model.parameters()), _macs(model, image))


def padded_macs(architecture: Architecture, height: int, width: int, alignment: int = 32) -> int:
    """Multiply-adds when every pruned width is rounded up to a multiple of `alignment`.

    INT8 kernels work in blocks of 32 channels (FP16: 8), so a width of 33 runs like one of 64. The
    image's three channels and the classes stay as they are.

    Args:
        architecture: of the network.
        height: of the image in pixels.
        width: of the image in pixels.
        alignment: channels that a kernel works on together.
    """
    padded = dataclasses.replace(
        architecture,
        widths=architecture.widths.padded(alignment),
        features=round_up(architecture.features, alignment),
    )
    return cost_of(padded, height, width).macs


def _macs(model: SwiftNet, image: Tensor) -> int:
    counted: List[int] = []

    def count(module: nn.Module, _: Tuple[Any, ...], output: Tensor) -> None:
        counted.append(output.numel() * _macs_per_output(module))

    for module in model.modules():
        if isinstance(module, (nn.Conv2d, nn.BatchNorm2d)):
            module.register_forward_hook(count)
    with torch.no_grad():
        model(image)
    return sum(counted)


def _macs_per_output(module: nn.Module) -> int:
    if isinstance(module, nn.Conv2d):
        return module.weight[0].numel() + (module.bias is not None)
    return 2
