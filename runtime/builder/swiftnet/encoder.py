"""What every encoder offers, and batch norms that each pyramid level has for itself."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import List, Optional, Tuple

import torch
from torch import Tensor, nn

from runtime.builder.swiftnet.architecture import Architecture


class BatchNorms(nn.ModuleList):
    """One batch norm per pyramid level: levels share convolutions but not statistics."""

    def __init__(self, width: int, levels: int) -> None:
        super().__init__([nn.BatchNorm2d(width) for _ in range(levels)])


def batch_norm(width: int, levels: Optional[int]) -> nn.Module:
    """A norm for each of `levels` levels, or one plain batch norm when `levels` is None."""
    return nn.BatchNorm2d(width) if levels is None else BatchNorms(width, levels)


def at_level(norm: nn.Module, level: int) -> nn.Module:
    """The batch norm of `norm` that serves `level`."""
    return norm[level] if isinstance(norm, BatchNorms) else norm


class Encoder(nn.Module, ABC):
    """Base of the encoders: an image in, four sums at strides 4, 8, 16 and 32 out.

    Variants (pyramid, single scale) are mixed in front of an encoder, because published
    checkpoints keep encoder and decoder layers side by side under `backbone`.

    Attributes:
        encoder_layers: names of the children that make up the encoder, the pretrained part.
    """

    encoder_layers: Tuple[str, ...] = ()
    img_mean: Tensor
    img_std: Tensor

    def __init__(self, architecture: Architecture) -> None:
        super().__init__()
        self.register_buffer("img_mean", torch.tensor(architecture.mean).view(1, 3, 1, 1))
        self.register_buffer("img_std", torch.tensor(architecture.std).view(1, 3, 1, 1))

    @abstractmethod
    def taps(self, image: Tensor, level: int) -> List[Tensor]:
        """Sums at strides 4, 8, 16, 32 of a normalised (N, 3, H, W) image.

        A ResNet's are taken before the last ReLU of their stage in the pyramid, after it at a
        single scale.

        Args:
            image: normalised RGB, float32.
            level: pyramid level, which picks the batch norms.
        """

    @abstractmethod
    def tap_widths(self) -> Tuple[int, ...]:
        """Channels of the four tensors that `taps` returns."""


def norm_levels(architecture: Architecture) -> Optional[int]:
    """Batch norms behind each encoder convolution; None for the single-scale key layout."""
    return architecture.levels if architecture.variant == "pyramid" else None


def initialise(module: nn.Module) -> None:
    """He initialisation (fan out) of every convolution; batch norms start as the identity."""
    for layer in module.modules():
        if isinstance(layer, nn.Conv2d):
            nn.init.kaiming_normal_(layer.weight, mode="fan_out", nonlinearity="relu")
