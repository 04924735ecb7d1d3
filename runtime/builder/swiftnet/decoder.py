"""The decoder's parts: pre-activation convolutions, upsampling blends, spatial pyramid pooling."""

from __future__ import annotations

from collections import OrderedDict
from typing import List

import torch
from torch import Tensor, nn

from runtime.builder.swiftnet import resample

SPP_GRIDS = (8, 4, 2, 1)
# Pooled grids have few cells, so their batch statistics are noisy and are averaged over longer.
SPP_MOMENTUM = 0.005


class NormReluConv(nn.Sequential):
    """Batch norm, ReLU, then a convolution that keeps the size."""

    def __init__(
        self, before: int, after: int, kernel: int, bias: bool = False, momentum: float = 0.1
    ) -> None:
        layers: OrderedDict[str, nn.Module] = OrderedDict()
        layers["norm"] = nn.BatchNorm2d(before, momentum=momentum)
        layers["relu"] = nn.ReLU(inplace=True)
        layers["conv"] = nn.Conv2d(before, after, kernel, padding=kernel // 2, bias=bias)
        super().__init__(layers)


class Blend(nn.Module):
    """Upsamples to the skip's size, adds the skip, and convolves."""

    def __init__(self, features: int) -> None:
        super().__init__()
        self.blend_conv = NormReluConv(features, features, kernel=3)

    def forward(self, x: Tensor, skip: Tensor) -> Tensor:
        blended: Tensor = self.blend_conv(resample.resize_like(x, skip) + skip)
        return blended


class Upsample(Blend):
    """A blend that first projects its skip to the decoder's width."""

    def __init__(self, skip_width: int, features: int) -> None:
        super().__init__(features)
        self.bottleneck = NormReluConv(skip_width, features, kernel=1)

    def forward(self, x: Tensor, skip: Tensor) -> Tensor:
        return super().forward(x, self.bottleneck(skip))


class SpatialPyramidPooling(nn.Module):
    """Context from coarser and coarser averages of the deepest features.

    Source: Zhao et al., "Pyramid Scene Parsing Network", CVPR 2017 (arXiv 1612.01105).

    Args:
        width: channels coming in.
        features: channels going out.
        grids: how many of `SPP_GRIDS` to pool to, finest first; each gives `features // grids`
            channels.
    """

    def __init__(self, width: int, features: int, grids: int) -> None:
        super().__init__()
        share = features // grids
        layers: OrderedDict[str, nn.Module] = OrderedDict()
        layers["spp_bn"] = NormReluConv(width, features, kernel=1, momentum=SPP_MOMENTUM)
        for index in range(grids):
            layers[f"spp{index}"] = NormReluConv(features, share, kernel=1, momentum=SPP_MOMENTUM)
        layers["spp_fuse"] = NormReluConv(
            features + grids * share, features, kernel=1, momentum=SPP_MOMENTUM
        )
        self.spp = nn.ModuleDict(layers)
        self.grids = SPP_GRIDS[:grids]

    def forward(self, x: Tensor) -> Tensor:
        x = self.spp["spp_bn"](x)
        parts: List[Tensor] = [x]
        for index, grid in enumerate(self.grids):
            pooled = self.spp[f"spp{index}"](resample.adaptive_average_pool(x, grid))
            parts.append(resample.resize_like(pooled, x))
        fused: Tensor = self.spp["spp_fuse"](torch.cat(parts, 1))
        return fused
