"""ResNet-18 and ResNet-34 encoders of any width (He et al. 2016, arXiv 1512.03385)."""

from __future__ import annotations

from typing import List, Optional, Sequence, Tuple

from torch import Tensor, nn

from runtime.builder.swiftnet.architecture import Architecture
from runtime.builder.swiftnet.encoder import Encoder, at_level, batch_norm, norm_levels
from runtime.builder.swiftnet.widths import plan_of


class BasicBlock(nn.Module):
    """Two 3x3 convolutions and a shortcut; gives the sum before its ReLU, which the decoder taps.

    Args:
        before: channels coming in.
        inner: channels between the two convolutions.
        after: channels of the sum.
        stride: of the first convolution and of the projection.
        levels: batch norms per convolution, None for one without a level.
    """

    def __init__(
        self, before: int, inner: int, after: int, stride: int, levels: Optional[int]
    ) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(before, inner, 3, stride=stride, padding=1, bias=False)
        self.bn1 = batch_norm(inner, levels)
        self.relu = nn.ReLU(inplace=True)
        self.conv2 = nn.Conv2d(inner, after, 3, padding=1, bias=False)
        self.bn2 = batch_norm(after, levels)
        self.downsample: Optional[nn.Sequential] = None
        if stride != 1 or before != after:
            # One batch norm for all levels, unlike elsewhere: published checkpoints have it so.
            self.downsample = nn.Sequential(
                nn.Conv2d(before, after, 1, stride=stride, bias=False), nn.BatchNorm2d(after)
            )

    def forward(self, x: Tensor, level: int) -> Tensor:
        residual = x if self.downsample is None else self.downsample(x)
        x = self.relu(at_level(self.bn1, level)(self.conv1(x)))
        total: Tensor = at_level(self.bn2, level)(self.conv2(x)) + residual
        return total


class ResNet(Encoder):
    """Stem and four stages of basic blocks; layer names are those of ImageNet checkpoints."""

    encoder_layers = ("conv1", "bn1", "layer1", "layer2", "layer3", "layer4")

    def __init__(self, architecture: Architecture) -> None:
        super().__init__(architecture)
        widths, levels = architecture.widths, norm_levels(architecture)
        self.conv1 = nn.Conv2d(3, widths.stem, 7, stride=2, padding=3, bias=False)
        self.bn1 = batch_norm(widths.stem, levels)
        self.relu = nn.ReLU(inplace=True)
        self.maxpool = nn.MaxPool2d(3, stride=2, padding=1)
        strides = plan_of(architecture.encoder).strides
        inputs = (widths.stem, *widths.stages[:-1])
        stages = [
            _stage(before, inner, after, stride, levels)
            for before, inner, after, stride in zip(inputs, widths.inner, widths.stages, strides)
        ]
        self.layer1, self.layer2, self.layer3, self.layer4 = stages
        # Not in place: its inputs may be sums that the decoder taps.
        self.relu_after_sum = nn.ReLU(inplace=False)
        # The published single-scale network works in place, so its decoder sees rectified sums.
        self._rectified_taps = architecture.variant == "single"
        self._stage_widths = widths.stages

    def taps(self, image: Tensor, level: int) -> List[Tensor]:
        stem = self.maxpool(self.relu(at_level(self.bn1, level)(self.conv1(image))))
        taps = [self._tap(self.layer1, stem, level)]
        for stage in (self.layer2, self.layer3, self.layer4):
            x = taps[-1] if self._rectified_taps else self.relu_after_sum(taps[-1])
            taps.append(self._tap(stage, x, level))
        return taps

    def tap_widths(self) -> Tuple[int, ...]:
        return self._stage_widths

    def _tap(self, stage: nn.ModuleList, x: Tensor, level: int) -> Tensor:
        for index, block in enumerate(stage):
            x = block(x if index == 0 else self.relu_after_sum(x), level)
        return self.relu_after_sum(x) if self._rectified_taps else x


def _stage(
    before: int, inner: Sequence[int], after: int, stride: int, levels: Optional[int]
) -> nn.ModuleList:
    blocks = [BasicBlock(before, inner[0], after, stride, levels)]
    blocks += [BasicBlock(after, width, after, 1, levels) for width in inner[1:]]
    return nn.ModuleList(blocks)
