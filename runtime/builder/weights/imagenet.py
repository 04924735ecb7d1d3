"""Encoders pretrained on ImageNet: torchvision's and timm's, whole checkpoints and prefixes.

timm's ResNets have torchvision's names; its MobileNetV2 (`mobilenetv2_100`) has names of its own.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Dict, List, Mapping, Optional, Tuple

from torch import Tensor

from runtime.builder.swiftnet import SwiftNet
from runtime.builder.swiftnet.encoder import BatchNorms, Encoder
from runtime.builder.swiftnet.layout import LANDMARKS
from runtime.builder.swiftnet.widths import ENCODERS
from runtime.builder.weights.find_network import FoundNetwork, networks_in, the_one_network
from runtime.builder.weights.sound_tensors import is_counter, require_same_tensors, sound_weights
from runtime.builder.weights.weights_file import WeightsFile, read_weights
from runtime.errors import InvalidInput

_RESNET = ("conv1.weight", "layer1.0.conv1.weight")
_MOBILENET = ("features.0.0.weight", "features.1.conv.0.0.weight")
_TIMM_MOBILENET = ("conv_stem.weight", "blocks.0.0.conv_dw.weight")
_OF_A_CLASSIFIER = re.compile(r"(fc|classifier|conv_head|bn2|features\.18)\.")
_WHERE = (
    "torchvision has such files (`torchvision.models.resnet18(weights='DEFAULT').state_dict()`), "
    "and so has timm (`timm.create_model('resnet18', pretrained=True).state_dict()`)"
)
# Of timm's blocks, what torchvision calls their layers; the first stage has no expansion.
_FIRST_STAGE = {"conv_dw": "0.0", "bn1": "0.1", "conv_pw": "1", "bn2": "2"}
_OTHER_STAGES = {
    "conv_pw": "0.0",
    "bn1": "0.1",
    "conv_dw": "1.0",
    "bn2": "1.1",
    "conv_pwl": "2",
    "bn3": "3",
}


@dataclass(frozen=True)
class ImageNetWeights:
    """The weights of a classifier.

    Attributes:
        tensors: float32 by torchvision's keys; those of the classifier's own layers may be there.
        sha256: of the file they came from.
        source: what holds them, for complaints.
    """

    tensors: Dict[str, Tensor]
    sha256: str
    source: str


def read_imagenet_weights(path: Path) -> ImageNetWeights:
    """Reads a ResNet or MobileNetV2, wherever in the file it is.

    Raises:
        InvalidInput: there is no such file, it is damaged, or holds another network or several.
    """
    file = read_weights(path, "file of ImageNet weights")
    if networks_in(file.content, *LANDMARKS):
        raise InvalidInput(
            f"{path} holds a whole SwiftNet, not an ImageNet encoder", "Give it with --init"
        )
    found = _encoders_in(file)
    if not found:
        raise InvalidInput(
            f"{path} holds no ResNet-18, ResNet-34 or MobileNetV2 by torchvision's or timm's "
            f"names{_known_by_its_layers(file)}",
            _WHERE,
        )
    source = f"the ImageNet weights {path}"
    tensors = sound_weights(the_one_network(file, found).tensors, source)
    if _TIMM_MOBILENET[0] in tensors:
        tensors = {_torchvision_name(key): tensor for key, tensor in tensors.items()}
    return ImageNetWeights(tensors, file.sha256, source)


def load_imagenet_encoder(
    model: SwiftNet, state: Mapping[str, Tensor], source: str = "the ImageNet state_dict"
) -> None:
    """Starts the encoder from a classifier's weights; each level gets a copy of every batch norm.

    Args:
        model: with the full widths; its decoder and classifier stay as they are.
        state: a ResNet's or MobileNetV2's weights with torchvision's keys; the layers that only
            the classifier needs are ignored, and so are counters of batches.
        source: what holds them, for complaints.

    Raises:
        InvalidInput: it is another network, keys are missing or unknown, or shapes differ.
    """
    _require_encoder(model.architecture.encoder, state, source)
    own = model.backbone.state_dict()
    sources = _sources(model.backbone)
    expected = {source_key: own[key] for key, source_key in sources.items()}
    given = {k: v for k, v in state.items() if not (_OF_A_CLASSIFIER.match(k) or is_counter(k))}
    require_same_tensors(expected, given, source)
    model.backbone.load_state_dict({**own, **{key: given[sources[key]] for key in sources}})


def require_no_encoder_alone(file: WeightsFile) -> None:
    """Refuses an encoder where a whole network is wanted, with the flag that takes it.

    Raises:
        InvalidInput: the file holds a ResNet or MobileNetV2.
    """
    for found in _encoders_in(file):
        if "bn1.0.weight" in found.tensors or "features.0.1.0.weight" in found.tensors:
            raise InvalidInput(
                f"{file.path} holds the backbone of a SwiftNet without its classifier",
                "Save the state_dict of the whole network",
            )
        raise InvalidInput(
            f"{file.path} holds an ImageNet encoder, not a whole SwiftNet",
            "Train a SwiftNet that starts from it with `runtime train --imagenet FILE`",
        )


def _encoders_in(file: WeightsFile) -> List[FoundNetwork]:
    return networks_in(file.content, _RESNET, _MOBILENET, _TIMM_MOBILENET)


def _known_by_its_layers(file: WeightsFile) -> str:
    if networks_in(file.content, ("conv1.0.weight", "layer1.0.conv1.weight")):
        return ": it is a ResNet with a stem of three convolutions, such as resnet18d"
    if networks_in(file.content, ("embedder.embedder.convolution.weight",)):
        return ": it has the names of Hugging Face's transformers"
    return ""


def _torchvision_name(key: str) -> str:
    """What torchvision calls a tensor of timm's MobileNetV2."""
    for ours, theirs in (("features.0.0.", "conv_stem."), ("features.0.1.", "bn1.")):
        if key.startswith(theirs):
            return ours + key[len(theirs) :]
    block = re.match(r"blocks\.(\d+)\.(\d+)\.(\w+)\.(\w+)$", key)
    if block is None:
        return key
    stage, within, layer, tensor = int(block[1]), int(block[2]), block[3], block[4]
    names = _FIRST_STAGE if stage == 0 else _OTHER_STAGES
    blocks = ENCODERS["mobilenet_v2"].blocks
    if layer not in names or stage >= len(blocks) or within >= blocks[stage]:
        return key
    return f"features.{1 + sum(blocks[:stage]) + within}.conv.{names[layer]}.{tensor}"


def _require_encoder(wanted: str, state: Mapping[str, Tensor], source: str) -> None:
    name = _encoder_of(state)
    if name is None or name == wanted:
        return
    if name not in ENCODERS:
        raise InvalidInput(f"{source} are of a {name}", f"Give those of a {wanted}")
    raise InvalidInput(
        f"{source} are of a {name}, and the network has the encoder {wanted}",
        f"Train with `--encoder {name}`, or give the weights of a {wanted}",
    )


def _encoder_of(state: Mapping[str, Tensor]) -> Optional[str]:
    if _RESNET[1] in state:
        if "layer1.0.conv3.weight" in state:
            return "ResNet of three convolutions a block (50 layers or more)"
        blocks: Tuple[int, ...] = tuple(
            len({key.split(".")[1] for key in state if key.startswith(f"layer{stage}.")})
            for stage in (1, 2, 3, 4)
        )
        known = {plan.blocks: name for name, plan in ENCODERS.items()}
        return known.get(blocks, f"ResNet of {blocks} blocks")
    return "mobilenet_v2" if _MOBILENET[0] in state else None


def _sources(backbone: Encoder) -> Dict[str, str]:
    """For each weight of the encoder, the key that a classifier's state_dict has it under."""
    per_level = {name for name, part in backbone.named_modules() if isinstance(part, BatchNorms)}
    sources: Dict[str, str] = {}
    for key in backbone.state_dict():
        layer, _, tensor = key.rpartition(".")
        norms = layer.rpartition(".")[0]
        if key.split(".")[0] in backbone.encoder_layers and not is_counter(key):
            sources[key] = f"{norms}.{tensor}" if norms in per_level else key
    return sources
