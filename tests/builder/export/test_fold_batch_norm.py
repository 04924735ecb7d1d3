from __future__ import annotations

from typing import List

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from runtime.builder.export.emit_onnx import onnx_from_graph
from runtime.builder.export.fold_batch_norm import without_norms
from runtime.builder.export.graph import Convolution, Norm
from runtime.builder.export.onnx_runner import OnnxRunner
from runtime.builder.export.trace import graph_from_model
from runtime.builder.swiftnet import resample

CHANNELS = 4


def norm(channels: int = CHANNELS) -> nn.BatchNorm2d:
    """A batch norm that changes what it is given, negative scales included."""
    layer = nn.BatchNorm2d(channels)
    with torch.no_grad():
        layer.running_mean.normal_()  # type: ignore[union-attr]
        layer.running_var.uniform_(0.5, 2)  # type: ignore[union-attr]
        layer.weight.normal_()
        layer.bias.normal_()
    return layer


def conv(before: int = 3, after: int = CHANNELS, bias: bool = False) -> nn.Conv2d:
    return nn.Conv2d(before, after, 3, padding=1, bias=bias)


class AfterConvolution(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv, self.norm = conv(bias=True), norm()

    def forward(self, image: Tensor) -> Tensor:
        folded: Tensor = self.norm(self.conv(image))
        return folded


class AfterBlend(nn.Module):
    """A decoder's sum: two skips and an upsampled tensor, then the next convolution's norm."""

    def __init__(self) -> None:
        super().__init__()
        self.skip_one, self.skip_two, self.coarse = conv(), conv(bias=True), conv()
        self.shrink = nn.MaxPool2d(2, 2)
        self.norm, self.relu = norm(), nn.ReLU()

    def forward(self, image: Tensor) -> Tensor:
        skips = 0 + self.skip_one(image) + self.skip_two(image)
        blended = resample.resize_like(self.coarse(self.shrink(image)), skips) + skips
        rectified: Tensor = self.relu(self.norm(blended))
        return rectified


class AfterConcatenation(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.one, self.two, self.norm = conv(after=3), conv(after=5), norm(8)

    def forward(self, image: Tensor) -> Tensor:
        pooled = resample.resize_like(resample.adaptive_average_pool(self.two(image), 3), image)
        folded: Tensor = self.norm(torch.cat([self.one(image), pooled], 1))
        return folded


class AfterNorm(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv, self.one, self.two = conv(), norm(), norm()

    def forward(self, image: Tensor) -> Tensor:
        folded: Tensor = self.two(self.one(self.conv(image)))
        return folded


class AfterRelu(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv, self.relu, self.norm = conv(), nn.ReLU(), norm()

    def forward(self, image: Tensor) -> Tensor:
        kept: Tensor = self.norm(self.relu(self.conv(image)))
        return kept


class AfterSharedTensor(nn.Module):
    """The sum feeds the norm and a convolution: scaling it for one would spoil it for the other."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.norm, self.relu, self.next = conv(), norm(), nn.ReLU(), conv(CHANNELS)

    def forward(self, image: Tensor) -> Tensor:
        shared = self.conv(image)
        both: Tensor = self.relu(self.norm(shared)) + self.next(shared)
        return both


class AddedToItself(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv, self.norm = conv(), norm()

    def forward(self, image: Tensor) -> Tensor:
        x = self.conv(image)
        doubled: Tensor = self.norm(x + x)
        return doubled


FOLDED: List[nn.Module] = [AfterConvolution(), AfterBlend(), AfterConcatenation(), AfterNorm()]
KEPT: List[nn.Module] = [AfterRelu(), AfterSharedTensor(), AddedToItself()]


def name_of(model: nn.Module) -> str:
    return type(model).__name__


@pytest.mark.parametrize("model", FOLDED + KEPT, ids=name_of)
def test_folding_does_not_change_the_answer(model: nn.Module) -> None:
    image = torch.randn(1, 3, 10, 14)
    graph, expected = graph_from_model(model, image)
    computed = OnnxRunner(onnx_from_graph(without_norms(graph))).run(image.numpy())[0]
    assert np.abs(computed - expected).max() <= 1e-5 * np.abs(expected).max()


@pytest.mark.parametrize("model", FOLDED, ids=name_of)
def test_an_affine_map_moves_into_the_convolutions(model: nn.Module) -> None:
    graph, _ = graph_from_model(model, torch.randn(1, 3, 8, 8))
    assert not [o for o in without_norms(graph).operations if isinstance(o, Norm)]


@pytest.mark.parametrize("model", KEPT, ids=name_of)
def test_a_norm_stays_where_it_cannot_move(model: nn.Module) -> None:
    graph, _ = graph_from_model(model, torch.randn(1, 3, 8, 8))
    assert len([o for o in without_norms(graph).operations if isinstance(o, Norm)]) == 1


def test_folding_leaves_the_weights_alone() -> None:
    model = AfterBlend()
    graph, _ = graph_from_model(model, torch.randn(1, 3, 8, 8))
    folded = {o.name: o for o in without_norms(graph).operations}
    convolution = folded["skip_one"]
    assert isinstance(convolution, Convolution)
    assert np.array_equal(convolution.weight, model.skip_one.weight.detach().numpy())
    assert not np.allclose(convolution.scale, 1)
