"""Small SwiftNets with statistics of their own in every batch norm, and datasets for them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, List, Tuple

import numpy as np
import torch
from PIL import Image
from torch import nn

from runtime.builder.swiftnet import Architecture, SwiftNet, Widths
from runtime.repository.manifest import InputSpec


def narrow(encoder: str = "resnet18", **options: Any) -> Architecture:
    """A few channels per layer, none of them alike where the family allows it."""
    if encoder == "mobilenet_v2":
        widths = Widths.mobilenet_v2(stem=8, stages=(8, 8, 10, 12, 12, 14, 16))
    else:
        widths = Widths.resnet(int(encoder[-2:]), stem=8, stages=(8, 10, 12, 14))
    return Architecture(encoder, classes=5, features=12, widths=widths, **options)


def randomised(architecture: Architecture, seed: int = 3) -> SwiftNet:
    """A network whose norms all differ: fresh ones are alike on every level and hide mistakes."""
    torch.manual_seed(seed)
    network = SwiftNet(architecture).eval()
    with torch.no_grad():
        for module in network.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.running_mean.normal_(0, 0.3)  # type: ignore[union-attr]
                module.running_var.uniform_(0.5, 1.5)  # type: ignore[union-attr]
                module.weight.uniform_(0.5, 1.5)
                module.bias.normal_(0, 0.3)
    return network


def stretched(height: int, width: int) -> InputSpec:
    """Preprocessing for images of any size."""
    return InputSpec(
        height=height, width=width, mean=(110, 115, 120), std=(60, 61, 62), geometry="stretch"
    )


def textured_images(folder: Path, count: int, size: Tuple[int, int] = (64, 96)) -> List[Path]:
    """PNG files with edges and gradients at several scales, all different."""
    folder.mkdir(parents=True, exist_ok=True)
    paths: List[Path] = []
    for number in range(count):
        random = np.random.default_rng(number)
        image = np.zeros((*size, 3))
        for cells in (4, 8, 16):
            coarse = random.uniform(0, 255, (size[0] // cells, size[1] // cells, 3))
            image += np.kron(coarse, np.ones((cells, cells, 1))) / 3
        path = folder / f"image-{number}.png"
        Image.fromarray(image.astype(np.uint8)).save(path)
        paths.append(path)
    return paths


def textured_dataset(folder: Path) -> Path:
    """A dataset of five classes of brightness: three images to train on, two to validate on."""
    for split, count in (("train", 3), ("val", 2)):
        images = textured_images(folder / split / "images", count)
        (folder / split / "labels").mkdir()
        for path in images:
            labels = np.asarray(Image.open(path))[..., 0] // 52
            Image.fromarray(labels).save(folder / split / "labels" / path.name)
    described = {
        "name": "brightness",
        "classes": ["black", "dark", "middle", "light", "white"],
        "palette": [[60 * level] * 3 for level in range(5)],
    }
    (folder / "dataset.json").write_text(json.dumps(described), encoding="utf-8")
    return folder
