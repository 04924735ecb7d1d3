"""SwiftNet's single-scale variant: context pooled from the deepest features, then skips joined.

Source: Orsic et al., "In Defense of Pre-trained ImageNet Architectures for Real-time Semantic
Segmentation of Road-driving Images", CVPR 2019 (arXiv 1903.08469).
"""

from __future__ import annotations

from torch import Tensor, nn

from runtime.builder.swiftnet.architecture import Architecture
from runtime.builder.swiftnet.decoder import SpatialPyramidPooling, Upsample
from runtime.builder.swiftnet.encoder import Encoder, initialise


class SingleScale(Encoder):
    """Mixed in front of an encoder: pools its deepest tap and decodes through the finer ones."""

    def __init__(self, architecture: Architecture) -> None:
        super().__init__(architecture)
        features = architecture.features
        # Output stride 8 leaves out the skip at stride 4.
        *skips, deepest = self.tap_widths()[architecture.output_stride // 8 :]
        self.spp = SpatialPyramidPooling(deepest, features, architecture.levels)
        self.upsample = nn.ModuleList([Upsample(width, features) for width in reversed(skips)])
        initialise(self)

    def forward(self, image: Tensor) -> Tensor:
        """Normalised (N, 3, H, W) to features (N, features, H / stride, W / stride)."""
        deepest, *finer = reversed(self.taps(image, level=0))
        x: Tensor = self.spp(deepest)
        for upsample, skip in zip(self.upsample, finer):
            x = upsample(x, skip)
        return x
