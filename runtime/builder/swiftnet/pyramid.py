"""SwiftNet's pyramid variant: one encoder over an image pyramid, skips summed where strides meet.

Source: Orsic and Segvic, "Efficient semantic segmentation with pyramidal fusion", Pattern
Recognition 2021.
"""

from __future__ import annotations

import operator
from functools import reduce
from typing import List

from torch import Tensor, nn

from runtime.builder.swiftnet import resample
from runtime.builder.swiftnet.architecture import Architecture
from runtime.builder.swiftnet.decoder import Blend
from runtime.builder.swiftnet.encoder import Encoder, initialise


class Pyramid(Encoder):
    """Mixed in front of an encoder: runs it at each level and decodes from the coarsest sum up."""

    def __init__(self, architecture: Architecture) -> None:
        super().__init__(architecture)
        features = architecture.features
        # Output stride 8 leaves out the skip at stride 4.
        kept = self.tap_widths()[architecture.output_stride // 8 :]
        self.upsample_bottlenecks = nn.ModuleList(
            [nn.Conv2d(width, features, 1, bias=False) for width in reversed(kept)]
        )
        self.upsample_blends = nn.ModuleList(
            [Blend(features) for _ in range(len(kept) + architecture.levels - 2)]
        )
        self.levels = architecture.levels
        initialise(self)

    def forward(self, image: Tensor) -> Tensor:
        """Normalised (N, 3, H, W) to features (N, features, H / stride, W / stride)."""
        coarsest, *finer = reversed(self._sums_by_stride(image))
        x = coarsest
        for blend, skip in zip(self.upsample_blends, finer):
            x = blend(x, skip)
        return x

    def _sums_by_stride(self, image: Tensor) -> List[Tensor]:
        """Projected skips, finest first: level n at stride s meets level n + 1 at stride s / 2."""
        bottlenecks = list(self.upsample_bottlenecks)[::-1]
        meeting: List[List[Tensor]] = [[] for _ in range(len(bottlenecks) + self.levels - 1)]
        for level in range(self.levels):
            scaled = image if level == 0 else resample.shrink(image, 2**level)
            kept = self.taps(scaled, level)[-len(bottlenecks) :]
            for depth, (bottleneck, tap) in enumerate(zip(bottlenecks, kept)):
                meeting[level + depth].append(bottleneck(tap))
        return [reduce(operator.add, skips) for skips in meeting]
