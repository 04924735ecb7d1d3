from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from runtime.builder.export.graph import Add, Convolution, MaxPool, Resize
from runtime.builder.export.trace import graph_from_model
from runtime.builder.swiftnet import resample
from runtime.errors import BuildFailed


class SharedConvolution(nn.Module):
    """One convolution on two pyramid levels, summed from zero as Python's sum() does."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 2, 1)
        self.last = nn.Conv2d(2, 2, 1)

    def forward(self, image: Tensor) -> Tensor:
        fine, coarse = self.conv(image), self.conv(resample.shrink(image, 2))
        total = 0 + fine + resample.resize_like(coarse, fine)
        answer: Tensor = self.last(resample.resize_like(total, fine))
        return answer


def test_each_call_of_a_shared_convolution_is_named_by_its_level() -> None:
    graph, _ = graph_from_model(SharedConvolution(), torch.randn(1, 3, 8, 8))
    names = [o.name for o in graph.operations if isinstance(o, Convolution)]
    assert names == ["conv@level0", "conv@level1", "last"]


def test_adding_zero_and_resizing_to_the_same_size_leave_nothing_behind() -> None:
    graph, _ = graph_from_model(SharedConvolution(), torch.randn(1, 3, 8, 8))
    assert len([o for o in graph.operations if isinstance(o, Add)]) == 1
    assert len([o for o in graph.operations if isinstance(o, Resize)]) == 1


def test_shapes_are_those_of_the_image() -> None:
    graph, answer = graph_from_model(nn.Sequential(nn.MaxPool2d(3, 2, 1)), torch.randn(1, 3, 9, 12))
    (pool,) = graph.operations
    assert graph.input_shape == (3, 9, 12)
    assert isinstance(pool, MaxPool)
    assert pool.shape == (3, 5, 6) == answer.shape[1:]


def test_the_model_itself_is_left_as_it_was() -> None:
    model = nn.Sequential(nn.Conv2d(3, 2, 1), nn.BatchNorm2d(2)).train()
    before = model[1].running_mean.clone()  # type: ignore[operator]
    graph_from_model(model, torch.randn(1, 3, 4, 4))
    assert model.training
    assert torch.equal(model[1].running_mean, before)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("model", "named"),
    [
        (nn.Sequential(nn.Conv2d(3, 3, 1), nn.GELU()), "1 (GELU)"),
        (nn.Sequential(nn.Conv2d(3, 3, 3, padding="same")), "same"),
        (nn.Sequential(nn.Conv2d(3, 3, 3, padding=1, padding_mode="reflect")), "reflect"),
        (nn.Sequential(nn.MaxPool2d(3, ceil_mode=True)), "ceil_mode=True"),
        (nn.Sequential(nn.BatchNorm2d(3, track_running_stats=False)), "running statistics"),
    ],
)
def test_what_cannot_be_exported_is_named(model: nn.Module, named: str) -> None:
    with pytest.raises(BuildFailed) as refused:
        graph_from_model(model, torch.randn(1, 3, 8, 8))
    assert named in refused.value.problem
