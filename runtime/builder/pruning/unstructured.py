"""Unstructured pruning: single weights held at zero, by magnitude.

For research: every kernel of the runtime multiplies by a zero as by any other number, so neither
multiply-adds nor milliseconds fall. What it shows is how few weights a network needs, and which.
"""

from __future__ import annotations

import math
from typing import Dict

import numpy as np
from torch import nn

from runtime.builder.checkpoint import Checkpoint
from runtime.builder.pruning.request import MaskRequest
from runtime.builder.pruning.weight_masks import WeightMasks
from runtime.errors import InvalidInput

CLASSIFIER = "logits.conv.weight"


def masks_from_checkpoint(checkpoint: Checkpoint, request: MaskRequest) -> WeightMasks:
    """One round of iterative magnitude pruning: the smallest of the remaining weights go.

    Only weights of convolutions are removed, and none of the classifier's. A weight of exactly
    zero counts as removed, so the next round starts from nothing but a checkpoint trained under
    the masks of the last one. Among equal magnitudes the first in the network goes first.

    Source: Frankle and Carbin, "The lottery ticket hypothesis", ICLR 2019 (arXiv 1803.03635).

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
