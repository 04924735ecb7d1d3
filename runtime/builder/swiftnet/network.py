"""SwiftNet: an encoder, a variant's decoder and a classifier, built from an `Architecture`."""

from __future__ import annotations

from itertools import chain
from typing import Dict, Iterator, Tuple, Type

from torch import Tensor, nn

from runtime.builder.swiftnet.architecture import Architecture
from runtime.builder.swiftnet.decoder import NormReluConv
from runtime.builder.swiftnet.encoder import Encoder
from runtime.builder.swiftnet.mobilenet_v2 import MobileNetV2
from runtime.builder.swiftnet.pyramid import Pyramid
from runtime.builder.swiftnet.resnet import ResNet
from runtime.builder.swiftnet.single_scale import SingleScale


class ResNetPyramid(Pyramid, ResNet):
    """ResNet over an image pyramid."""


class ResNetSingleScale(SingleScale, ResNet):
    """ResNet at one scale, with spatial pyramid pooling."""


class MobileNetV2Pyramid(Pyramid, MobileNetV2):
    """MobileNetV2 over an image pyramid."""


class MobileNetV2SingleScale(SingleScale, MobileNetV2):
    """MobileNetV2 at one scale, with spatial pyramid pooling."""


BACKBONES: Dict[Tuple[str, str], Type[Encoder]] = {
    ("resnet18", "pyramid"): ResNetPyramid,
    ("resnet34", "pyramid"): ResNetPyramid,
    ("mobilenet_v2", "pyramid"): MobileNetV2Pyramid,
    ("resnet18", "single"): ResNetSingleScale,
    ("resnet34", "single"): ResNetSingleScale,
    ("mobilenet_v2", "single"): MobileNetV2SingleScale,
}


class SwiftNet(nn.Module):
    """A SwiftNet of any geometry; its state_dict has the key layout of the published checkpoints.

    Attributes:
        architecture: what the network was built from.
        backbone: encoder and decoder.
        logits: the classifier.
    """

    def __init__(self, architecture: Architecture) -> None:
        super().__init__()
        self.architecture = architecture
        self.backbone = BACKBONES[architecture.encoder, architecture.variant](architecture)
        self.logits = NormReluConv(architecture.features, architecture.classes, kernel=1, bias=True)

    def forward(self, image: Tensor) -> Tensor:
        """Normalised RGB to logits.

        Args:
            image: float32 (N, 3, H, W), as `normalise` gives it. Sides that the coarsest stride
                divides (128 for three pyramid levels) lose no border pixels.

        Returns:
            float32 (N, classes, H / output_stride, W / output_stride).
        """
        logits: Tensor = self.logits(self.backbone(image))
        return logits

    def normalise(self, image: Tensor) -> Tensor:
        """RGB on the 0-255 scale, (N, 3, H, W), to what `forward` takes."""
        return (image - self.backbone.img_mean) / self.backbone.img_std

    def encoder_parameters(self) -> Iterator[nn.Parameter]:
        """Parameters of the part that is usually pretrained, and trained at a lower rate."""
        layers = (self.backbone.get_submodule(name) for name in self.backbone.encoder_layers)
        return chain.from_iterable(layer.parameters() for layer in layers)

    def decoder_parameters(self) -> Iterator[nn.Parameter]:
        """All the parameters that `encoder_parameters` leaves out, the classifier's included."""
        encoder = {id(parameter) for parameter in self.encoder_parameters()}
        return (parameter for parameter in self.parameters() if id(parameter) not in encoder)
