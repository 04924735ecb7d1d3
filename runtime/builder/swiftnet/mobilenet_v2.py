"""MobileNetV2 encoder of any width (Sandler et al. 2018, arXiv 1801.04381)."""

from __future__ import annotations

from typing import List, Optional, Tuple

from torch import Tensor, nn

from runtime.builder.swiftnet.architecture import Architecture
from runtime.builder.swiftnet.encoder import Encoder, at_level, batch_norm, norm_levels
from runtime.builder.swiftnet.widths import plan_of


class ConvNormRelu6(nn.ModuleList):
    """Convolution (child 0), batch norm (1), ReLU6 (2): the key layout of ImageNet checkpoints."""

    def __init__(self, conv: nn.Conv2d, levels: Optional[int]) -> None:
        super().__init__([conv, batch_norm(conv.out_channels, levels), nn.ReLU6(inplace=True)])

    def forward(self, x: Tensor, level: int) -> Tensor:
        conv, norm, relu = self
        activated: Tensor = relu(at_level(norm, level)(conv(x)))
        return activated


class InvertedResidual(nn.Module):
    """Expand, filter per channel, project; the projection is linear, so its sum is tapped as it is.

    Args:
        channels: coming in, expanded, and going out.
        stride: of the depthwise convolution.
        expands: whether the block has an expansion; the encoder's first block has none.
        residual: whether the input is added; true for all but the first block of a stage.
            (Comparing channels in and out would invent shortcuts in pruned networks.)
        levels: batch norms per convolution, None for one without a level.
    """

    def __init__(
        self,
        channels: Tuple[int, int, int],
        stride: int,
        expands: bool,
        residual: bool,
        levels: Optional[int],
    ) -> None:
        super().__init__()
        before, inner, after = channels
        layers: List[nn.Module] = []
        if expands:
            layers.append(ConvNormRelu6(nn.Conv2d(before, inner, 1, bias=False), levels))
        depthwise = nn.Conv2d(inner, inner, 3, stride=stride, padding=1, groups=inner, bias=False)
        layers.append(ConvNormRelu6(depthwise, levels))
        layers.append(nn.Conv2d(inner, after, 1, bias=False))
        layers.append(batch_norm(after, levels))
        self.conv = nn.ModuleList(layers)
        self.residual = residual

    def forward(self, x: Tensor, level: int) -> Tensor:
        *activated, project, norm = self.conv
        y = x
        for layer in activated:
            y = layer(y, level)
        projected: Tensor = at_level(norm, level)(project(y))
        return x + projected if self.residual else projected


class MobileNetV2(Encoder):
    """Stem and seven stages of inverted residuals, without the classifier's 1280 channels."""

    encoder_layers = ("features",)

    def __init__(self, architecture: Architecture) -> None:
        super().__init__(architecture)
        plan, widths = plan_of(architecture.encoder), architecture.widths
        levels = norm_levels(architecture)
        stem = nn.Conv2d(3, widths.stem, 3, stride=2, padding=1, bias=False)
        layers: List[nn.Module] = [ConvNormRelu6(stem, levels)]
        inputs = (widths.stem, *widths.stages[:-1])
        last_of_stage: List[int] = []
        for stage, (before, inner, after) in enumerate(zip(inputs, widths.inner, widths.stages)):
            expands = stage > 0
            first = (before, inner[0], after)
            layers.append(InvertedResidual(first, plan.strides[stage], expands, False, levels))
            layers += [
                InvertedResidual((after, width, after), 1, expands, True, levels)
                for width in inner[1:]
            ]
            last_of_stage.append(len(layers) - 1)
        self.features = nn.ModuleList(layers)
        self._tapped = tuple(last_of_stage[stage] for stage in plan.taps)
        self._tap_widths = tuple(widths.stages[stage] for stage in plan.taps)

    def taps(self, image: Tensor, level: int) -> List[Tensor]:
        sums: List[Tensor] = []
        x = image
        for index, layer in enumerate(self.features):
            x = layer(x, level)
            if index in self._tapped:
                sums.append(x)
        return sums

    def tap_widths(self) -> Tuple[int, ...]:
        return self._tap_widths
