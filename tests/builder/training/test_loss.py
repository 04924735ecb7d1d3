from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import functional

from runtime.builder.training.loss import boundary_weights, pixel_losses, summed_loss
from tests.builder.scenes import IGNORE_ID, scene

RADII, WEIGHTS = (2, 5), (8.0, 4.0, 1.0)


def by_hand(labels: np.ndarray) -> np.ndarray:
    """The definition, one pixel after the other."""
    height, width = labels.shape
    edge = np.zeros(labels.shape, bool)
    for y in range(height):
        for x in range(width):
            for other_y, other_x in ((y - 1, x), (y + 1, x), (y, x - 1), (y, x + 1)):
                if 0 <= other_y < height and 0 <= other_x < width:
                    edge[y, x] |= labels[y, x] != labels[other_y, other_x]
    ys, xs = np.nonzero(edge)
    weights = np.full(labels.shape, WEIGHTS[-1])
    for y in range(height):
        for x in range(width):
            king_steps = np.maximum(abs(ys - y), abs(xs - x)).min() + 1 if ys.size else np.inf
            for radius, weight in zip(reversed(RADII), reversed(WEIGHTS[:-1])):
                if king_steps <= radius:
                    weights[y, x] = weight
    return weights


@pytest.fixture
def logits() -> Tensor:
    return torch.randn(2, 3, 24, 30, generator=torch.Generator().manual_seed(0)) * 3


@pytest.fixture
def labels() -> Tensor:
    return torch.from_numpy(np.stack([scene(n, 24, 30)[1] for n in (0, 1)]))


def test_boundary_weights_follow_their_definition(labels: Tensor) -> None:
    weights = boundary_weights(labels, RADII, WEIGHTS)

    for ours, one in zip(weights, labels):
        np.testing.assert_array_equal(ours, by_hand(one.numpy()))


def test_a_sample_of_one_class_has_no_boundary() -> None:
    flat = torch.zeros(1, 9, 9, dtype=torch.uint8)

    assert (boundary_weights(flat, RADII, WEIGHTS) == WEIGHTS[-1]).all()


def test_without_focus_it_is_cross_entropy(logits: Tensor, labels: Tensor) -> None:
    losses = pixel_losses(logits, labels.long(), IGNORE_ID, 0.0, None)
    total, count = summed_loss(losses, labels, None, IGNORE_ID)

    expected = functional.cross_entropy(logits, labels.long(), ignore_index=IGNORE_ID)
    torch.testing.assert_close(total / count, expected)


def test_the_focal_factor_is_exponential_and_held_constant(logits: Tensor, labels: Tensor) -> None:
    gamma = 0.5
    known = labels != IGNORE_ID
    chance = logits.double().softmax(1).gather(1, labels.clamp_max(2).long()[:, None])[:, 0]
    factor = torch.exp(gamma * (1 - chance))
    leaf = logits.double().requires_grad_()

    losses = pixel_losses(leaf, labels.long(), IGNORE_ID, gamma, None)

    torch.testing.assert_close(losses[known], (-factor * chance.log())[known])
    losses.sum().backward()
    plain = logits.double().requires_grad_()
    entropy = functional.cross_entropy(
        plain, labels.long(), ignore_index=IGNORE_ID, reduction="none"
    )
    (entropy * factor).sum().backward()
    torch.testing.assert_close(leaf.grad, plain.grad)


def test_ignored_pixels_cost_nothing_whatever_is_predicted(logits: Tensor, labels: Tensor) -> None:
    ignored = labels == IGNORE_ID
    changed = torch.where(ignored[:, None], -logits, logits)

    for weights in (None, torch.tensor([1.0, 2.0, 3.0])):
        before = pixel_losses(logits, labels.long(), IGNORE_ID, 0.5, weights)
        after = pixel_losses(changed, labels.long(), IGNORE_ID, 0.5, weights)
        assert ignored.any()
        torch.testing.assert_close(before, after)
        assert (before[ignored] == 0).all()


def test_class_weights_scale_each_pixel_by_its_class(logits: Tensor, labels: Tensor) -> None:
    plain = pixel_losses(logits, labels.long(), IGNORE_ID, 0.5, None)
    doubled = pixel_losses(logits, labels.long(), IGNORE_ID, 0.5, torch.tensor([1.0, 2.0, 1.0]))

    is_road = labels == 1
    torch.testing.assert_close(doubled[is_road], 2 * plain[is_road])
    torch.testing.assert_close(doubled[~is_road], plain[~is_road])
