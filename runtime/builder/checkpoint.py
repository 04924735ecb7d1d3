"""Trained networks on disk: our own checkpoints, the published ones, and ImageNet encoders."""

from __future__ import annotations

import dataclasses
import hashlib
import io
import json
import pickle
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Dict, List, Mapping

import torch
from torch import Tensor

from runtime.builder.swiftnet import Architecture, SwiftNet
from runtime.builder.swiftnet.encoder import BatchNorms, Encoder
from runtime.builder.swiftnet.layout import architecture_of
from runtime.errors import BuildFailed, InvalidInput
from runtime.files.atomic import whole_file

FORMAT = "swiftnet-runtime checkpoint"
FORMAT_VERSION = 1
SHOWN_KEYS = 4


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
    """Reads what `save_checkpoint` wrote, or a bare state_dict in the published layout.

    The architecture of a bare state_dict follows from its keys and shapes, pruned widths included.

    Raises:
        InvalidInput: there is no such file, it holds anything but tensors and plain values, or
            its tensors are not those of a SwiftNet.
    """
    if not path.is_file():
        raise InvalidInput(f"there is no checkpoint {path}", "Give the path of an existing file")
    data = path.read_bytes()
    content = _unpickled(path, data)
    metadata: Dict[str, Any] = {}
    if content.get("format") == FORMAT:
        _require_known_version(path, content)
        architecture = Architecture.from_dict(content["architecture"])
        metadata, state = content["metadata"], _tensors(path, content["state_dict"])
    else:
        state = _tensors(path, content)
        architecture = architecture_of(state)
    model = SwiftNet(architecture)
    _require_same_tensors(model.state_dict(), state, f"the checkpoint {path}")
    model.load_state_dict(state)
    return Checkpoint(model.eval(), metadata, hashlib.sha256(data).hexdigest())


def load_state_dict(path: Path) -> Dict[str, Tensor]:
    """Reads a bare state_dict, as ImageNet classifiers are published.

    Raises:
        InvalidInput: there is no such file, or it holds anything but tensors.
    """
    if not path.is_file():
        raise InvalidInput(f"there are no weights {path}", "Give the path of an existing file")
    return _tensors(path, _unpickled(path, path.read_bytes()))


def load_imagenet_encoder(model: SwiftNet, state: Mapping[str, Tensor]) -> None:
    """Starts the encoder from a classifier's weights; each level gets a copy of every batch norm.

    Args:
        model: with the full widths; its decoder and classifier stay as they are.
        state: a ResNet's or MobileNetV2's state_dict with torchvision's keys; the layers that only
            the classifier needs are ignored.

    Raises:
        InvalidInput: keys are missing or shapes differ.
    """
    sources = _imagenet_sources(model.backbone)
    own = model.backbone.state_dict()
    # Checkpoints older than PyTorch 0.4.1 do not count batches.
    taken = {
        key: source
        for key, source in sources.items()
        if source in state or not source.endswith("num_batches_tracked")
    }
    expected = {source: own[key] for key, source in taken.items()}
    given = {source: state[source] for source in expected if source in state}
    _require_same_tensors(expected, given, f"the ImageNet {model.architecture.encoder}")
    model.backbone.load_state_dict({**own, **{key: state[source] for key, source in taken.items()}})


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


def _unpickled(path: Path, data: bytes) -> Dict[str, Any]:
    try:
        content = torch.load(io.BytesIO(data), map_location="cpu", weights_only=True)
    except (pickle.UnpicklingError, RuntimeError, EOFError, KeyError, ValueError) as error:
        raise InvalidInput(
            f"{path} cannot be read as tensors and plain values alone",
            "Save the network's state_dict with torch.save; a pickled module would run code when "
            "loaded, and a truncated file must be fetched again",
        ) from error
    if not isinstance(content, dict):
        raise InvalidInput(
            f"{path} holds a {type(content).__name__}, not a dictionary",
            "Save the network's state_dict with torch.save",
        )
    return content


def _require_known_version(path: Path, content: Mapping[str, Any]) -> None:
    fields = {"format", "version", "architecture", "metadata", "state_dict"}
    if content.get("version") != FORMAT_VERSION or set(content) != fields:
        raise InvalidInput(
            f"{path} is a checkpoint of version {content.get('version')} with the fields "
            f"{', '.join(sorted(content))}",
            f"This release reads version {FORMAT_VERSION}; use the release that wrote it",
        )


def _tensors(path: Path, content: Mapping[str, Any]) -> Dict[str, Tensor]:
    others = [
        f"{key}: {type(value).__name__}"
        for key, value in content.items()
        if not isinstance(value, Tensor)
    ]
    if others:
        raise InvalidInput(
            f"{path} is no state_dict: it holds {_some(others)}",
            "Save the network's state_dict by itself: names and tensors",
        )
    return dict(content)


def _require_same_tensors(
    expected: Mapping[str, Tensor], given: Mapping[str, Tensor], name: str
) -> None:
    missing = [key for key in expected if key not in given]
    if missing:
        raise InvalidInput(
            f"{name} lacks {_some(missing)}", "Give the state_dict of the whole network"
        )
    unknown = [key for key in given if key not in expected]
    if unknown:
        raise InvalidInput(
            f"{name} has the unknown {_some(unknown)}",
            "Remove them, or give a network whose layers are those of a SwiftNet",
        )
    other = [
        f"{key} {tuple(given[key].shape)} instead of {tuple(tensor.shape)}"
        for key, tensor in expected.items()
        if given[key].shape != tensor.shape
    ]
    if other:
        raise InvalidInput(
            f"{name} has other shapes: {_some(other)}",
            "Give weights of the same geometry; pruned widths take none but their own",
        )


def _some(names: List[str]) -> str:
    more = f" and {len(names) - SHOWN_KEYS} more" if len(names) > SHOWN_KEYS else ""
    return ", ".join(names[:SHOWN_KEYS]) + more


def _imagenet_sources(backbone: Encoder) -> Dict[str, str]:
    """For each tensor of the encoder, the key that a classifier's state_dict has it under."""
    per_level = {name for name, part in backbone.named_modules() if isinstance(part, BatchNorms)}
    sources: Dict[str, str] = {}
    for key in backbone.state_dict():
        layer, _, tensor = key.rpartition(".")
        norms = layer.rpartition(".")[0]
        if key.split(".")[0] in backbone.encoder_layers:
            sources[key] = f"{norms}.{tensor}" if norms in per_level else key
    return sources
