"""Batch-norm statistics measured anew, as a network needs after it lost some of its channels.

Every norm behind a cut still describes activations that the lost channels contributed to. Each
one's mean and variance become the plain mean over all batches (no momentum), so that a norm which
all pyramid levels share weighs them alike: a moving average would favour the last.

Li et al., "EagleEye: fast sub-net evaluation for efficient neural network pruning" (ECCV 2020)
show that the accuracy after this step, not before it, tells how well a pruned network will train.
"""

from __future__ import annotations

import math
from contextlib import contextmanager
from pathlib import Path
from typing import Iterator, List, Sequence

import numpy as np
import torch
from torch import Tensor, nn

from runtime.builder.data.dataset import read_image
from runtime.builder.swiftnet import SwiftNet
from runtime.errors import InvalidInput
from runtime.image.folder import IMAGE_ENDINGS, images_of
from runtime.inference.preprocess.reference import network_input
from runtime.repository.manifest import InputSpec

BATCH = 8
MOST_IMAGES = 400


def images_in(folder: Path, most: int = MOST_IMAGES) -> List[Path]:
    """Images of a folder, sorted by name; of more than `most`, evenly spaced ones.

    Raises:
        InvalidInput: there is no such folder, or no image in it.
    """
    if not folder.is_dir():
        raise InvalidInput(f"there is no folder {folder}", "Give a folder of training images")
    paths = images_of(folder)
    if not paths:
        raise InvalidInput(
            f"{folder} holds no images", f"Put some {', '.join(IMAGE_ENDINGS)} files into it"
        )
    chosen = np.linspace(0, len(paths) - 1, min(most, len(paths))).round().astype(int)
    return [paths[index] for index in chosen]


@torch.no_grad()
def recalibrate(
    model: SwiftNet, images: Sequence[Path], spec: InputSpec, batch: int = BATCH
) -> None:
    """Replaces the statistics of every batch norm by those of `images`; leaves the rest alone.

    Args:
        model: on any device; in evaluation mode afterwards.
        images: of the training set, not of the one to be judged on.
        spec: the runtime's own preprocessing, at the size that the network will see.
        batch: images normalised together.

    Raises:
        InvalidInput: an image is missing or broken, or there is only one. The model is then of
            no further use.
    """
    if len(images) < 2:
        raise InvalidInput(
            f"{len(images)} image is too few to measure batch norms on",
            "Give two at least, better some hundred",
        )
    model.eval()
    device = next(model.parameters()).device
    # No batch of one: it would have no variance on a grid of one cell.
    count = min(math.ceil(len(images) / batch), len(images) // 2)
    with _measuring(model):
        for indices in np.array_split(np.arange(len(images)), count):
            model(_read_batch([images[index] for index in indices], spec).to(device))


def _read_batch(images: Sequence[Path], spec: InputSpec) -> Tensor:
    bgr = (np.ascontiguousarray(read_image(path)[..., ::-1]) for path in images)
    return torch.from_numpy(np.concatenate([network_input(image, spec) for image in bgr]))


@contextmanager
def _measuring(model: SwiftNet) -> Iterator[None]:
    """Norms, and nothing else, in training mode with fresh statistics and no momentum."""
    norms = [module for module in model.modules() if isinstance(module, nn.BatchNorm2d)]
    momenta = [norm.momentum for norm in norms]
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None
        norm.train()
    try:
        yield
    finally:
        for norm, momentum in zip(norms, momenta):
            norm.momentum = momentum
            norm.eval()
