"""Unstructured pruning: masks of single weights, ranked by magnitude and held at zero.

For research: every kernel of the runtime multiplies by a zero as by any other number, so neither
multiply-adds nor milliseconds fall. What it shows is how few weights a network needs, and which.
"""

from __future__ import annotations

import hashlib
import json
import math
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Dict, List, Mapping, Tuple

import numpy as np
import torch
from numpy.lib.npyio import NpzFile
from torch import Tensor, nn

from runtime.builder.checkpoint import Checkpoint
from runtime.builder.pruning.apply_plan import require_checkpoint, require_geometry
from runtime.builder.pruning.request import MaskRequest
from runtime.builder.swiftnet import Architecture, SwiftNet
from runtime.errors import InvalidInput, RuntimeFault
from runtime.files.atomic import whole_file

CLASSIFIER = "logits.conv.weight"
MASKS_FORMAT = "swiftnet-runtime weight masks"
RECORD = "record"
BROKEN = (OSError, EOFError, TypeError, ValueError, KeyError, zipfile.BadZipFile)


@dataclass(frozen=True, eq=False)
class WeightMasks:
    """Which weights of which convolutions remain: a `Cut` that leaves every shape as it is.

    Attributes:
        before: the network that they are for.
        remaining: by key of a convolution's weight, bool, of the weight's shape.
        checkpoint_sha256: of the weights that were ranked.
    """

    before: Architecture
    remaining: Mapping[str, np.ndarray]
    checkpoint_sha256: str

    def __post_init__(self) -> None:
        shapes = _shapes(self.before)
        for name, mask in self.remaining.items():
            if mask.dtype != np.bool_ or mask.shape != shapes.get(name):
                raise InvalidInput(
                    f"the mask of {name} is {mask.dtype} {mask.shape}, and the network's tensor "
                    f"{shapes.get(name, 'does not exist')}",
                    "Give masks that were made for this network",
                )

    @property
    def weights(self) -> int:
        """Weights under masks, removed ones included."""
        return sum(mask.size for mask in self.remaining.values())

    @property
    def left(self) -> int:
        """Weights that remain among them."""
        return sum(int(mask.sum()) for mask in self.remaining.values())

    @property
    def sha256(self) -> str:
        """SHA-256 of the masks and of what they are for."""
        digest = hashlib.sha256(self._record().encode())
        for name in sorted(self.remaining):
            digest.update(np.packbits(self.remaining[name]).tobytes())
        return digest.hexdigest()

    def architecture(self, before: Architecture) -> Architecture:
        """`before` itself: no layer becomes narrower.

        Raises:
            InvalidInput: it is not of the geometry that the masks are for.
        """
        require_geometry(self.before, before)
        return before

    def tensor(self, name: str, value: Tensor) -> Tensor:
        """A copy of `value`, with zeroes where weights are removed.

        Args:
            name: its key in the state_dict.
            value: of the weight's shape.
        """
        mask = self.remaining.get(name)
        left = value.detach()
        return left.clone() if mask is None else left * torch.from_numpy(mask).to(left.device)

    def require_checkpoint(self, sha256: str) -> None:
        """Refuses a checkpoint whose weights were not the ones ranked.

        Raises:
            InvalidInput: it has another hash.
        """
        require_checkpoint("masks", self.checkpoint_sha256, sha256)

    def control(self, seed: int) -> WeightMasks:
        """As many weights of each layer, drawn at random."""
        shuffled: Dict[str, np.ndarray] = {}
        for name, mask in self.remaining.items():
            numbers = np.random.default_rng([seed, zlib.crc32(name.encode())])
            shuffled[name] = numbers.permutation(mask.reshape(-1)).reshape(mask.shape)
        return WeightMasks(self.before, shuffled, self.checkpoint_sha256)

    def hold(self, model: SwiftNet, optimiser: torch.optim.Optimizer) -> None:
        """Keeps removed weights at zero from now on, before each forward and after each step.

        Without the latter an optimiser's momentum and decay would bring them back; without the
        former, weights that were loaded in the meantime.

        Args:
            model: trained from now on, of the geometry of the masks.
            optimiser: of its weights.
        """
        device = next(model.parameters()).device
        masks = {name: torch.from_numpy(mask).to(device) for name, mask in self.remaining.items()}

        @torch.no_grad()
        def silence(network: torch.nn.Module) -> None:
            for name, mask in masks.items():
                network.get_parameter(name).mul_(mask)

        silence(model)
        model.register_forward_pre_hook(lambda network, _: silence(network))
        optimiser.register_step_post_hook(lambda *_: silence(model))

    def write(self, path: Path) -> None:
        """Writes the masks as npz, eight weights a byte, atomically."""
        packed: Dict[str, Any] = {RECORD: np.array(self._record())}
        packed.update({name: np.packbits(self.remaining[name]) for name in self._names()})
        with whole_file(path) as file:
            np.savez(file, **packed)

    @classmethod
    def from_file(cls, path: Path) -> WeightMasks:
        """Reads what `write` wrote.

        Raises:
            InvalidInput: there is no such file, or it does not hold masks of one network.
        """
        try:
            with path.open("rb") as file, _archive(file) as stored:
                record = json.loads(str(stored[RECORD]))
                before = Architecture.from_dict(record["architecture"])
                shapes = _shapes(before)
                remaining = {
                    name: _unpacked(stored[name], shapes[name]) for name in record["masks"]
                }
            return cls(before, remaining, record["checkpoint_sha256"])
        except (*BROKEN, RuntimeFault) as error:
            raise InvalidInput(
                f"{path} does not hold the weight masks of a network ({error})",
                "Make them with `runtime prune --unstructured`",
            ) from error

    def _names(self) -> List[str]:
        return sorted(self.remaining)

    def _record(self) -> str:
        record = {
            "format": MASKS_FORMAT,
            "architecture": self.before.to_dict(),
            "checkpoint_sha256": self.checkpoint_sha256,
            "masks": self._names(),
        }
        return json.dumps(record, sort_keys=True)


def masks_from_checkpoint(checkpoint: Checkpoint, request: MaskRequest) -> WeightMasks:
    """One round of iterative magnitude pruning: the smallest of the remaining weights go.

    Only weights of convolutions are removed, and none of the classifier's. A weight of exactly
    zero counts as removed, so the next round starts from nothing but a checkpoint trained under
    the masks of the last one. Among equal magnitudes the first in the network goes first.

    Source: Frankle and Carbin, "The lottery ticket hypothesis", ICLR 2019 (arXiv 1803.03635).

    Args:
        checkpoint: the network whose weights are ranked.
        request: the share of the remaining weights to remove, and whether layers compete.

    Raises:
        InvalidInput: weights are not finite.
    """
    magnitudes = {
        f"{name}.weight": np.abs(module.weight.detach().cpu().numpy())
        for name, module in checkpoint.model.named_modules()
        if isinstance(module, nn.Conv2d) and f"{name}.weight" != CLASSIFIER
    }
    for name, magnitude in magnitudes.items():
        if not np.isfinite(magnitude).all():
            raise InvalidInput(
                f"{name} is not finite", "Take an earlier checkpoint: the training has diverged"
            )
    ranked = [list(magnitudes)] if request.scope == "global" else [[name] for name in magnitudes]
    remaining: Dict[str, np.ndarray] = {}
    for names in ranked:
        remaining.update(
            _without_smallest({name: magnitudes[name] for name in names}, request.ratio)
        )
    return WeightMasks(checkpoint.architecture, remaining, checkpoint.sha256)


def _without_smallest(magnitudes: Dict[str, np.ndarray], share: float) -> Dict[str, np.ndarray]:
    flat = np.concatenate([magnitude.reshape(-1) for magnitude in magnitudes.values()])
    removed = flat == 0
    left = int(flat.size - removed.sum())
    order = np.argsort(np.where(removed, np.inf, flat), kind="stable")
    removed[order[: min(math.ceil(share * left), max(0, left - 1))]] = True
    edges = np.cumsum([magnitude.size for magnitude in magnitudes.values()])[:-1]
    return {
        name: ~part.reshape(magnitudes[name].shape)
        for name, part in zip(magnitudes, np.split(removed, edges))
    }


def _archive(file: BinaryIO) -> NpzFile:
    # From an open file, because numpy leaves those open that it opens and cannot read.
    stored = np.load(file, allow_pickle=False)
    if not isinstance(stored, NpzFile):
        raise TypeError("it is a single array")
    return stored


def _shapes(architecture: Architecture) -> Dict[str, Tuple[int, ...]]:
    with torch.device("meta"):
        return {name: tuple(each.shape) for name, each in SwiftNet(architecture).named_parameters()}


def _unpacked(packed: np.ndarray, shape: Tuple[int, ...]) -> np.ndarray:
    weights = np.unpackbits(packed, count=int(np.prod(shape)))
    mask: np.ndarray = weights.astype(bool).reshape(shape)
    return mask
