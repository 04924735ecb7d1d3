"""The public implementation's answers, and the weights that it gave them with."""

from __future__ import annotations

import json
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Dict, List

import numpy as np
import torch
from torch import Tensor

from runtime.builder.swiftnet import Architecture

DATA = Path(__file__).parents[2] / "data" / "swiftnet"

ARCHITECTURES = {
    "rn18_pyramid_os4_19": Architecture("resnet18", classes=19),
    "rn34_pyramid_os8_150": Architecture("resnet34", classes=150, output_stride=8),
    "rn18_single_19": Architecture("resnet18", classes=19, variant="single"),
}


@dataclass(frozen=True)
class Case:
    architecture: Architecture
    parameters: int
    shapes: Dict[str, List[int]]
    logits: np.ndarray
    corner: np.ndarray
    labels: np.ndarray

    def weights(self) -> Dict[str, Tensor]:
        return weights_from_keys(self.shapes)


def case(name: str) -> Case:
    described = json.loads((DATA / f"{name}.json").read_text(encoding="utf-8"))
    with np.load(DATA / f"{name}.npz") as answers:
        return Case(
            ARCHITECTURES[name],
            described["parameters"],
            described["state_dict"],
            answers["logits_low"],
            answers["logits_corner"],
            answers["labels"],
        )


def image() -> Tensor:
    """RGB on the 0-255 scale, (1, 3, 128, 192) float32."""
    pixels = np.random.default_rng(7).integers(0, 256, (128, 192, 3), dtype=np.uint8)
    return torch.from_numpy(pixels).permute(2, 0, 1)[None].float()


def weights_from_keys(shapes: Dict[str, List[int]]) -> Dict[str, Tensor]:
    weights = {key: _weight(key, shape) for key, shape in shapes.items()}
    for key, values in (
        ("backbone.img_mean", (73.15, 82.90, 72.3)),
        ("backbone.img_std", (47.67, 48.49, 47.73)),
    ):
        weights[key] = torch.tensor(values).view(1, 3, 1, 1)
    return weights


def _weight(key: str, shape: List[int]) -> Tensor:
    rng = np.random.default_rng(zlib.crc32(key.encode()))
    name = key.rpartition(".")[2]
    if name == "num_batches_tracked":
        return torch.zeros(shape, dtype=torch.int64)
    if name == "running_mean":
        values = rng.normal(0, 0.1, shape)
    elif len(shape) == 4:
        values = rng.normal(0, np.sqrt(2 / np.prod(shape[1:])), shape)
    elif name in ("running_var", "weight"):
        values = rng.uniform(0.5, 1.5, shape)
    else:
        values = rng.normal(0, 0.1, shape)
    return torch.from_numpy(values.astype(np.float32))
