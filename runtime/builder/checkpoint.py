"""Trained networks on disk: our own checkpoints, and SwiftNets as others save them."""

from __future__ import annotations

import dataclasses
import hashlib
import io
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Dict, Mapping, Tuple

import torch
from torch import Tensor

from runtime.builder.swiftnet import Architecture, SwiftNet
from runtime.builder.swiftnet.layout import LANDMARKS, architecture_of
from runtime.builder.weights.find_network import networks_in, the_one_network
from runtime.builder.weights.imagenet import require_no_encoder_alone
from runtime.builder.weights.sound_tensors import (
    counters_of,
    require_same_tensors,
    some,
    sound_weights,
)
from runtime.builder.weights.weights_file import WeightsFile, read_weights
from runtime.errors import BuildFailed, InvalidConfig, InvalidInput
from runtime.files.atomic import whole_file

FORMAT = "swiftnet-runtime checkpoint"
FORMAT_VERSION = 1
CHANGED = "Use the file that `runtime train` or `runtime prune` wrote, unchanged"


@dataclass(frozen=True)
class Checkpoint:
    """A network as it was read from a file.

    Attributes:
        model: in evaluation mode, float32, on the CPU.
        metadata: what was saved with it; empty for a bare state_dict.
        sha256: of the file.
    """

    model: SwiftNet
    metadata: Dict[str, Any]
    sha256: str

    @property
    def architecture(self) -> Architecture:
        """What the model was built from."""
        return self.model.architecture


def save_checkpoint(path: Path, model: SwiftNet, metadata: Mapping[str, Any]) -> str:
    """Writes a checkpoint atomically: `path` holds the old file or the whole new one.

    Args:
        path: the file; its folder must exist.
        model: its state_dict and architecture are saved.
        metadata: anything that JSON can hold.

    Returns:
        The file's sha256.

    Raises:
        BuildFailed: the metadata is not plain.
    """
    content = {
        "format": FORMAT,
        "version": FORMAT_VERSION,
        "architecture": model.architecture.to_dict(),
        "metadata": _plain(metadata),
        "state_dict": {key: tensor.detach().cpu() for key, tensor in model.state_dict().items()},
    }
    buffer = io.BytesIO()
    torch.save(content, buffer)
    with whole_file(path) as file:
        file.write(buffer.getbuffer())
    return hashlib.sha256(buffer.getbuffer()).hexdigest()


def load_checkpoint(path: Path) -> Checkpoint:
    """Reads what `save_checkpoint` wrote, or the weights of a SwiftNet as others save them.

    Foreign weights may lie in dictionaries, behind prefixes and in any floating-point precision, in
    torch.save's formats or in safetensors; of a network and its running average the average is
    taken. The architecture follows from keys and shapes, pruned widths included.

    Raises:
        InvalidInput: there is no such file, it is damaged, it holds no SwiftNet or several, or
            weights that are not finite numbers.
    """
    file = read_weights(path)
    source = f"the checkpoint {path}"
    metadata: Dict[str, Any] = {}
    if file.content.get("format") == FORMAT:
        architecture, metadata, state = _own(file)
        weights = sound_weights(state, source)
    else:
        state = _foreign(file)
        weights = sound_weights(state, source)
        architecture = _told_by(weights, source)
    model = _network(architecture, weights, source)
    # No weights, so none has to be there; but what a training goes on from is kept whole.
    model.load_state_dict(counters_of(state), strict=False)
    return Checkpoint(model.eval(), metadata, file.sha256)


def transfer(checkpoint: Checkpoint, classes: int) -> SwiftNet:
    """The checkpoint's network with a fresh classifier of `classes` classes.

    As when a network trained on ADE20K goes on to learn a user's own classes; the head is new even
    for an equal number of classes, which need not be the same ones.
    """
    model = SwiftNet(dataclasses.replace(checkpoint.architecture, classes=classes))
    fresh = model.state_dict()
    kept = checkpoint.model.state_dict()
    head = ("logits.conv.weight", "logits.conv.bias")
    model.load_state_dict({key: fresh[key] if key in head else kept[key] for key in fresh})
    return model


def _plain(metadata: Mapping[str, Any]) -> Any:
    try:
        return json.loads(json.dumps(metadata))
    except (TypeError, ValueError) as error:
        raise BuildFailed(
            f"the checkpoint's metadata cannot be saved ({error})",
            "Keep to what JSON can hold: strings, numbers, lists and dictionaries",
        ) from error


def _own(file: WeightsFile) -> Tuple[Architecture, Dict[str, Any], Dict[str, Tensor]]:
    content = file.content
    names = ("architecture", "metadata", "state_dict")
    if content.get("version") != FORMAT_VERSION or set(content) != {"format", "version", *names}:
        raise InvalidInput(
            f"{file.path} is a checkpoint of version {content.get('version')} with the fields "
            f"{', '.join(sorted(map(str, content)))}",
            f"This release reads version {FORMAT_VERSION}; use the release that wrote it",
        )
    for name in names:
        if not isinstance(content[name], dict):
            raise InvalidInput(
                f"{file.path} has a {type(content[name]).__name__} as its {name}", CHANGED
            )
    state = content["state_dict"]
    if not all(isinstance(k, str) and isinstance(v, Tensor) for k, v in state.items()):
        raise InvalidInput(f"{file.path} holds other things than tensors as weights", CHANGED)
    try:
        architecture = Architecture.from_dict(content["architecture"])
    except (InvalidConfig, TypeError, ValueError, LookupError, AttributeError) as error:
        reason = error.problem if isinstance(error, InvalidConfig) else str(error)
        raise InvalidInput(
            f"{file.path} describes no network that there is: {reason}", CHANGED
        ) from error
    return architecture, content["metadata"], state


def _foreign(file: WeightsFile) -> Dict[str, Tensor]:
    """The SwiftNet that is meant, wherever in the file it is."""
    found = networks_in(file.content, *LANDMARKS)
    if found:
        return the_one_network(file, found).tensors
    require_no_encoder_alone(file)
    tensors = {k: v for k, v in file.content.items() if isinstance(v, Tensor)}
    if not tensors:
        held = [f"{key}: {type(value).__name__}" for key, value in file.content.items()]
        raise InvalidInput(
            f"{file.path} holds no SwiftNet, but {some(held) or 'nothing'}",
            "Save the network's state_dict: names and tensors",
        )
    return {str(key): tensor for key, tensor in tensors.items()}


def _told_by(weights: Dict[str, Tensor], source: str) -> Architecture:
    try:
        return architecture_of(weights)
    except (InvalidInput, InvalidConfig) as fault:
        raise InvalidInput(f"{source}: {fault.problem}", fault.cure) from fault


def _network(architecture: Architecture, weights: Dict[str, Tensor], source: str) -> SwiftNet:
    # Compared without memory, so that a description of a huge network costs none.
    with torch.device("meta"):
        expected = SwiftNet(architecture).state_dict()
    require_same_tensors(expected, weights, source)
    model = SwiftNet(architecture)
    model.load_state_dict({**model.state_dict(), **weights})
    return model
