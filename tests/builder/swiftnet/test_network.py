from __future__ import annotations

from typing import Iterator

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional

from runtime.builder.swiftnet import Architecture, SwiftNet
from tests.builder.networks import narrow, randomised
from tests.builder.swiftnet import reference

FAMILY = [
    narrow("resnet18"),
    narrow("resnet34", output_stride=8),
    narrow("resnet18", levels=1),
    narrow("resnet18", levels=2),
    narrow("resnet18", variant="single"),
    narrow("resnet18", variant="single", output_stride=8, levels=2),
    narrow("mobilenet_v2"),
    narrow("mobilenet_v2", output_stride=8, levels=2),
    narrow("mobilenet_v2", variant="single"),
]


def named(architecture: Architecture) -> str:
    return (
        f"{architecture.encoder}-{architecture.variant}"
        f"-{architecture.levels}-os{architecture.output_stride}"
    )


@pytest.mark.parametrize("name", reference.ARCHITECTURES)
class TestAgainstThePublicImplementation:
    def test_has_the_same_parameters_under_the_same_keys(self, name: str) -> None:
        case = reference.case(name)
        network = SwiftNet(case.architecture)
        shapes = {key: list(tensor.shape) for key, tensor in network.state_dict().items()}
        assert shapes == case.shapes
        assert sum(each.numel() for each in network.parameters()) == case.parameters

    @torch.no_grad()
    def test_gives_the_same_logits_and_labels(self, name: str) -> None:
        case = reference.case(name)
        network = SwiftNet(case.architecture).eval()
        network.load_state_dict(case.weights(), strict=True)
        logits = network(network.normalise(reference.image()))
        full_size = functional.interpolate(logits, size=(128, 192), mode="bilinear")[0]
        largest = np.abs(case.logits).max()
        assert np.abs(logits[0].numpy() - case.logits).max() < 1e-4 * largest
        assert np.abs(full_size[:, :8, :8].numpy() - case.corner).max() < 1e-4 * largest
        # Rounding may turn the few pixels where two classes are all but equal.
        assert (full_size.argmax(0).numpy() == case.labels).mean() > 0.999


@pytest.mark.parametrize("architecture", FAMILY, ids=named)
class TestEveryGeometry:
    @torch.no_grad()
    def test_answers_on_its_grid_of_logits(self, architecture: Architecture) -> None:
        logits = SwiftNet(architecture).eval()(torch.rand(1, 3, 64, 128))
        stride = architecture.output_stride
        assert logits.shape == (1, architecture.classes, 64 // stride, 128 // stride)
        assert logits.isfinite().all()

    @torch.no_grad()
    def test_traces_for_any_size(self, architecture: Architecture) -> None:
        network = randomised(architecture)
        traced = torch.fx.symbolic_trace(network)
        for size in ((64, 96), (96, 64)):
            image = torch.rand(1, 3, *size)
            assert torch.equal(traced(image), network(image))

    def test_trains_every_parameter(self, architecture: Architecture) -> None:
        network = SwiftNet(architecture).train()
        network(torch.rand(2, 3, 64, 64)).square().mean().backward()
        unreached = [name for name, each in network.named_parameters() if each.grad is None]
        assert unreached == []


def test_traced_calls_leave_no_dead_branches() -> None:
    for architecture in FAMILY:
        graph = torch.fx.symbolic_trace(SwiftNet(architecture)).graph
        assert [node.name for node in graph.nodes if not node.users] == ["output"]


def test_parameters_divide_into_encoder_and_decoder() -> None:
    network = SwiftNet(narrow())

    def numbers(parameters: Iterator[nn.Parameter]) -> int:
        return sum(each.numel() for each in parameters)

    encoder = set(network.encoder_parameters())
    assert network.backbone.get_parameter("layer4.1.bn2.2.weight") in encoder
    assert network.backbone.get_parameter("upsample_bottlenecks.0.weight") not in encoder
    assert numbers(network.encoder_parameters()) + numbers(network.decoder_parameters()) == numbers(
        network.parameters()
    )


def test_normalises_rgb_by_the_architectures_colours() -> None:
    network = SwiftNet(narrow(mean=(10, 20, 30), std=(1, 2, 4)))
    grey = torch.full((1, 3, 2, 2), 50.0)
    assert network.normalise(grey)[0, :, 0, 0].tolist() == [40, 15, 5]
