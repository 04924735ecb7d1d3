"""Small painted scenes as datasets: a sky, a road, and blocks on it, with unlabelled edges."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Tuple

import numpy as np
from PIL import Image

NAMES = ("sky", "road", "block")
PALETTE = ((90, 140, 230), (70, 70, 75), (200, 60, 40))
IGNORE_ID = 255


def scene(number: int, height: int = 64, width: int = 64) -> Tuple[np.ndarray, np.ndarray]:
    """A noisy RGB image and its labels, both following from the number."""
    rng = np.random.default_rng(number)
    labels = np.zeros((height, width), np.uint8)
    labels[int(rng.integers(height // 4, height // 2)) :] = 1
    top, left = rng.integers(height // 3, height // 2), rng.integers(0, width // 2)
    labels[top : top + height // 3, left : left + width // 3] = 2
    image = np.array(PALETTE, np.int16)[labels] + rng.integers(-25, 26, (height, width, 1))
    labels[:, : int(rng.integers(0, width // 8))] = IGNORE_ID
    return image.clip(0, 255).astype(np.uint8), labels


def write_dataset(
    folder: Path, train: int = 8, val: int = 2, size: Tuple[int, int] = (64, 64)
) -> Path:
    """A dataset in the native form."""
    description = {"name": "scenes", "classes": NAMES, "palette": PALETTE, "ignore_id": IGNORE_ID}
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "dataset.json").write_text(json.dumps(description), encoding="utf-8")
    for split, numbers in (("train", range(train)), ("val", range(100, 100 + val))):
        (folder / split / "images").mkdir(parents=True)
        (folder / split / "labels").mkdir()
        for number in numbers:
            image, labels = scene(number, *size)
            name = f"{'odd' if number % 2 else 'even'}_{number:03}.png"
            Image.fromarray(image).save(folder / split / "images" / name)
            Image.fromarray(labels).save(folder / split / "labels" / name)
    return folder
