from __future__ import annotations

import pytest
import torch
from torch import nn

from runtime.builder.training.ema import WeightAverage


def test_the_average_moves_by_its_decay_once_it_is_warm() -> None:
    model = nn.Linear(1, 1, bias=False).double()
    nn.init.zeros_(model.weight)
    average = WeightAverage(model, decay=0.5)
    nn.init.ones_(model.weight)

    values = []
    for _ in range(12):
        average.update(model)
        values.append(average.model.weight.item())

    # (1 + n) / (10 + n) is the decay while it is below the wanted one: 2/11, 3/12, ...
    assert values[0] == pytest.approx(1 - 2 / 11)
    gaps = [1 - value for value in values]
    assert gaps[11] / gaps[10] == pytest.approx(0.5)


def test_statistics_are_averaged_and_counters_copied() -> None:
    norm = nn.BatchNorm2d(2)
    average = WeightAverage(norm, decay=0.9)
    norm(torch.randn(4, 2, 3, 3, generator=torch.Generator().manual_seed(0)) + 5)

    average.update(norm)

    mean = average.model.running_mean
    assert mean is not None
    assert norm.running_mean is not None
    torch.testing.assert_close(mean, norm.running_mean * (9 / 11))
    assert average.model.num_batches_tracked == norm.num_batches_tracked == 1


def test_the_average_is_ready_for_use_and_takes_no_gradient() -> None:
    average = WeightAverage(nn.BatchNorm2d(2).train(), decay=0.9)

    assert not average.model.training
    assert not any(parameter.requires_grad for parameter in average.model.parameters())
