"""Losses on full-size logits: cross-entropy, and the boundary-aware focal loss of SwiftNet.

Source of the latter: Orsic and Segvic, "Efficient semantic segmentation with pyramidal fusion",
Pattern Recognition 2021.
"""

from __future__ import annotations

from typing import Optional, Sequence, Tuple

import torch
from torch import Tensor
from torch.nn import functional


def boundary_weights(labels: Tensor, radii: Sequence[int], weights: Sequence[float]) -> Tensor:
    """Weights that grow towards the boundaries between labels.

    The distance of a pixel is 1 where one of its four neighbours has another label, and grows by 1
    with each step of a chess king away from there, so that one box count per radius finds all
    pixels within it. (The paper's distances are Euclidean: its bins have rounder corners.)

    Args:
        labels: (batch, height, width) integer labels.
        radii: increasing upper bounds (included) of the bins, pixels.
        weights: one per bin, and one for what is farther away than the last radius.

    Returns:
        (batch, height, width) float32.
    """
    edge = torch.zeros(labels.shape, dtype=torch.int32, device=labels.device)
    across = (labels[:, :, 1:] != labels[:, :, :-1]).to(torch.int32)
    along = (labels[:, 1:] != labels[:, :-1]).to(torch.int32)
    edge[:, :, 1:] |= across
    edge[:, :, :-1] |= across
    edge[:, 1:] |= along
    edge[:, :-1] |= along
    result = torch.full(labels.shape, float(weights[-1]), device=labels.device)
    summed = functional.pad(edge.cumsum(1).cumsum(2), (1, 0, 1, 0))
    for radius, weight in zip(reversed(radii), reversed(weights[:-1])):
        # Pixels at a boundary have distance 1, so radius - 1 steps lead to the last one within.
        result[_box_count(summed, radius - 1) > 0] = weight
    return result


def _box_count(summed: Tensor, reach: int) -> Tensor:
    """Sums over (2 reach + 1)-wide squares, cut off at the borders, from a zero-led summed area."""
    rows, columns = (torch.arange(n - 1, device=summed.device) for n in summed.shape[1:])
    top, bottom = (rows - reach).clamp_min(0), (rows + reach + 1).clamp_max(len(rows))
    left, right = (columns - reach).clamp_min(0), (columns + reach + 1).clamp_max(len(columns))
    strips = summed[:, bottom] - summed[:, top]
    return strips[:, :, right] - strips[:, :, left]


def pixel_losses(
    logits: Tensor, labels: Tensor, ignore_id: int, gamma: float, class_weights: Optional[Tensor]
) -> Tensor:
    """Cross-entropy of each pixel, times exp(gamma (1 - p)).

    p is the probability given to the truth and no gradient flows through that factor; gamma 0 is
    plain cross-entropy.

    Args:
        logits: (batch, classes, height, width) float32.
        labels: (batch, height, width) int64, class ids or `ignore_id`.
        ignore_id: label of pixels whose loss is 0.
        gamma: strength of the focus on badly classified pixels.
        class_weights: (classes,) float32, or None for equal ones.

    Returns:
        (batch, height, width) float32.
    """
    entropy = functional.cross_entropy(logits, labels, ignore_index=ignore_id, reduction="none")
    losses = entropy
    if gamma:
        losses = losses * torch.exp(gamma * (1 - torch.exp(-entropy.detach())))
    if class_weights is not None:
        known = labels.clamp_max(len(class_weights) - 1)
        losses = losses * class_weights[known]
    return losses


def summed_loss(
    losses: Tensor, labels: Tensor, weights: Optional[Tensor], ignore_id: int
) -> Tuple[Tensor, Tensor]:
    """The sum of the (weighted) losses and the number of labelled pixels: their ratio is the mean.

    They are returned apart, because devices that share a batch must divide by the count over all
    of them.

    Args:
        losses: (batch, height, width) float32, 0 where nothing is labelled.
        labels: (batch, height, width) int64, class ids or `ignore_id`.
        weights: (batch, height, width) float32, or None for equal ones.
        ignore_id: label of pixels that do not count.
    """
    total = losses.sum() if weights is None else (losses * weights).sum()
    return total, (labels != ignore_id).sum()
