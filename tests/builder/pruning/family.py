"""One narrow network of each kind that the family knows, and checkpoints of them."""

from __future__ import annotations

from copy import deepcopy
from pathlib import Path
from typing import List

import torch

from runtime.builder.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from runtime.builder.pruning.dependencies import groups_of
from runtime.builder.pruning.plan import PruningPlan
from runtime.builder.swiftnet import Architecture, SwiftNet, Widths
from tests.builder.networks import narrow, randomised

STEM_APART = Architecture(
    "resnet18", 5, features=12, widths=Widths.resnet(18, stem=6, stages=(8, 10, 12, 14))
)

FAMILY: List[Architecture] = [
    narrow("resnet18"),
    narrow("resnet34", output_stride=8),
    narrow("resnet18", levels=1, output_stride=8),
    narrow("resnet18", levels=2),
    narrow("resnet18", variant="single"),
    narrow("resnet34", variant="single", output_stride=8, levels=2),
    narrow("mobilenet_v2"),
    narrow("mobilenet_v2", variant="single", levels=1),
    STEM_APART,
]


def named(architecture: Architecture) -> str:
    widths = architecture.widths
    apart = "-stem-apart" if widths.stem != widths.stages[0] else ""
    return (
        f"{architecture.encoder}-{architecture.variant}-{architecture.levels}"
        f"-os{architecture.output_stride}{apart}"
    )


def in_memory(network: SwiftNet, sha256: str = "0" * 64) -> Checkpoint:
    """A checkpoint that was never written."""
    return Checkpoint(network, {}, sha256)


def on_disk(path: Path, seed: int = 3) -> Checkpoint:
    """A checkpoint of a narrow network, written to `path` and read again."""
    save_checkpoint(path, randomised(narrow(), seed), {})
    return load_checkpoint(path)


def masked(network: SwiftNet, plan: PruningPlan) -> SwiftNet:
    """The whole network with the removed channels silent: their norms give zero, shift included."""
    silent = deepcopy(network)
    state = silent.state_dict()
    for group in groups_of(network.architecture):
        gone = sorted(set(range(group.channels)) - set(plan.groups[group.name].kept))
        for norm, offset in group.norms():
            for tensor in ("weight", "bias"):
                state[f"{norm}.{tensor}"][torch.tensor(gone, dtype=torch.long) + offset] = 0
    return silent
