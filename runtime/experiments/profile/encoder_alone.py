"""The encoder by itself on all levels, without a decoder: the study's `backbone`."""

from __future__ import annotations

from torch import Tensor, nn

from runtime.builder.swiftnet import SwiftNet, resample


class EncoderAlone(nn.Module):
    """A network's encoder, to be timed like the network; see `forward`.

    Args:
        network: it is shared, not copied.

    Attributes:
        backbone: of the network, so that layers have the same names in both.
    """

    def __init__(self, network: SwiftNet) -> None:
        super().__init__()
        architecture = network.architecture
        self.backbone = network.backbone
        self._levels = architecture.levels if architecture.variant == "pyramid" else 1

    def forward(self, image: Tensor) -> Tensor:
        """The deepest features of each level, added up so that none of them goes unused.

        Args:
            image: normalised (1, 3, H, W).

        Returns:
            (1, channels, H / 32, W / 32).
        """
        total: Tensor = self.backbone.taps(image, 0)[-1]
        for level in range(1, self._levels):
            deepest = self.backbone.taps(resample.shrink(image, 2**level), level)[-1]
            total = total + resample.resize_like(deepest, total)
        return total
