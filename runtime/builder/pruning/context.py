"""Which channels say what others say too: guidance from the maps that images give rise to.

Context-guided, by a formula of our own. That channels which belong to the context of others deserve
to stay is the idea of He et al., "CAP: Context-Aware Pruning for Semantic Segmentation", WACV 2021,
whose method trains with a guiding module, is not published as code, and is the subject of a patent
application (see NOTICE). Nothing is trained here, and nothing of that module is rebuilt:

    X   (channels, positions): what comes out of a batch norm, rectified; each row of length one
    A = softmax of each row of X X^T / TEMPERATURE: how much a channel resembles each other one
    g_c = sum of A[j, c] over all other channels j, divided by the mean over c

g is averaged over the images and over all norms that a group's channels pass: its members, times
the pyramid's levels. A norm behind a convolution whose result is added to a residual stream is
taken by itself, before the sum.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Callable, Dict, Iterator, List, Mapping, Sequence, Tuple

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from runtime.builder.data.dataset import read_image
from runtime.builder.pruning.groups import Group
from runtime.builder.swiftnet import SwiftNet
from runtime.errors import InvalidInput
from runtime.inference.preprocess.reference import network_input
from runtime.names import shown
from runtime.repository.manifest import InputSpec

TEMPERATURE = 0.1
MOST_POSITIONS = 4096
MOST_IMAGES = 100


@dataclass(frozen=True)
class Context:
    """What images say about the channels of a network.

    Attributes:
        images: SHA-256 of the files by name.
        guidance: by group, (channels,) float64 of mean 1.
    """

    images: Mapping[str, str]
    guidance: Mapping[str, np.ndarray]


def context_of(
    model: SwiftNet,
    groups: Sequence[Group],
    images: Sequence[Path],
    spec: InputSpec,
    seed: int = 0,
) -> Context:
    """Runs the trained network over images, one at a time, and listens to its batch norms.

    Args:
        model: the whole network, on any device; in evaluation mode afterwards.
        groups: of its architecture.
        images: at least one, of names that differ; labels are not needed.
        spec: the runtime's own preprocessing.
        seed: of the positions that are looked at in maps of more than MOST_POSITIONS.

    Raises:
        InvalidInput: there is no image, two have one name, one is broken, or the network gives
            numbers that are not finite.
    """
    hashes = {shown(path.name): hashlib.sha256(path.read_bytes()).hexdigest() for path in images}
    if not images or len(hashes) < len(images):
        raise InvalidInput(
            f"{len(images)} images have {len(hashes)} names",
            "Give one at least, and each a name of its own",
        )
    model.eval()
    device = next(model.parameters()).device
    ear = _Ear(groups, seed)
    with _listening(model, ear), torch.no_grad():
        for path in images:
            bgr = np.ascontiguousarray(read_image(path)[..., ::-1])
            model(torch.from_numpy(network_input(bgr, spec)).to(device))
    return Context(hashes, {group.name: ear.guidance(group) for group in groups})


def guidance_of(maps: Tensor) -> Tensor:
    """G of one layer's channels on one image: (channels, positions) to (channels,), mean 1.

    A channel that is silent everywhere resembles none. One channel alone has no context.
    """
    if len(maps) == 1:
        return torch.ones(1, dtype=torch.float64, device=maps.device)
    rows = functional.normalize(maps.double().relu(), dim=1)
    affinity = torch.softmax(rows @ rows.T / TEMPERATURE, dim=1)
    received = affinity.fill_diagonal_(0).sum(0)
    return received / received.mean()


class _Ear:
    """The mean of g behind every norm, as forward passes go by."""

    def __init__(self, groups: Sequence[Group], seed: int) -> None:
        self._seed = seed
        self._sums: Dict[Tuple[str, str, int], np.ndarray] = {}
        self._counts: Counter[Tuple[str, str, int]] = Counter()
        self.listeners: Dict[str, List[Tuple[Group, int]]] = {}
        for group in groups:
            for norm, offset in group.norms():
                self.listeners.setdefault(norm, []).append((group, offset))

    def hear(self, norm: str, output: Tensor) -> None:
        """Takes (1, channels, height, width) from behind a norm."""
        maps = output[0].flatten(1)
        maps = maps[:, self._positions(maps.shape[1])]
        for group, offset in self.listeners[norm]:
            guidance = guidance_of(maps[offset : offset + group.channels]).cpu().numpy()
            place = (group.name, norm, offset)
            self._sums[place] = self._sums.get(place, 0.0) + guidance
            self._counts[place] += 1

    def guidance(self, group: Group) -> np.ndarray:
        """The mean over the group's norms, each of which weighs the same.

        Raises:
            InvalidInput: the network gave numbers that are not finite.
        """
        means = [
            self._sums[place] / self._counts[place]
            for place in self._sums
            if place[0] == group.name
        ]
        mean: np.ndarray = np.mean(means, axis=0)
        if not np.isfinite(mean).all():
            raise InvalidInput(
                f"the maps of {group.name} are not finite",
                "Take an earlier checkpoint: the training has diverged",
            )
        return mean

    def _positions(self, count: int) -> Tensor:
        """The same ones in every map of a size, so that levels and members are comparable."""
        if count <= MOST_POSITIONS:
            return torch.arange(count)
        random = np.random.default_rng([self._seed, count])
        return torch.from_numpy(np.sort(random.choice(count, MOST_POSITIONS, replace=False)))


@contextmanager
def _listening(model: SwiftNet, ear: _Ear) -> Iterator[None]:
    def hook_of(norm: str) -> Callable[[nn.Module, Tuple[Tensor, ...], Tensor], None]:
        # The rectifier behind may work in place, so the maps are read before it runs.
        return lambda _module, _inputs, output: ear.hear(norm, output)

    modules = dict(model.named_modules())
    with ExitStack() as hooks:
        for norm in ear.listeners:
            hooks.enter_context(modules[norm].register_forward_hook(hook_of(norm)))
        yield
