"""Averaged weights: an exponential moving average over the steps of a training."""

from __future__ import annotations

from copy import deepcopy
from typing import Generic, TypeVar

import torch
from torch import nn

Model = TypeVar("Model", bound=nn.Module)


class WeightAverage(Generic[Model]):
    """A copy of a model whose floating-point state follows the model slowly.

    Batch norm statistics are averaged with the weights, so that the copy can be used as it is.

    Args:
        model: what to follow; the average starts from its state.
        decay: share of the average that each step keeps.

    Attributes:
        model: the averaged copy, in evaluation mode.
        updates: steps seen.
    """

    def __init__(self, model: Model, decay: float) -> None:
        self.model: Model = deepcopy(model)
        self.model.eval().requires_grad_(False)
        self.decay = decay
        self.updates = 0

    @torch.no_grad()
    def update(self, model: nn.Module) -> None:
        """Moves towards `model`, faster in the first steps, whose weights are mostly noise."""
        self.updates += 1
        decay = min(self.decay, (1 + self.updates) / (10 + self.updates))
        mine, theirs = self.model.state_dict(), model.state_dict()
        for key, average in mine.items():
            if average.dtype.is_floating_point:
                average.lerp_(theirs[key], 1 - decay)
            else:
                average.copy_(theirs[key])
