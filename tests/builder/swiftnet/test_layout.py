from __future__ import annotations

import random
from typing import Dict, List

import pytest
import torch
from torch import Tensor

from runtime.builder.swiftnet import Architecture, SwiftNet, Widths
from runtime.builder.swiftnet.layout import architecture_of
from runtime.builder.swiftnet.widths import ENCODERS
from runtime.errors import InvalidInput
from tests.builder.networks import narrow
from tests.builder.swiftnet import reference


def random_widths(encoder: str, rng: random.Random) -> Widths:
    """Every width drawn by itself, as an iterative pruning leaves them."""
    full = Widths.of(encoder)
    stem = rng.randint(1, 9)
    inner: List[List[int]] = [[rng.randint(1, 9) for _ in stage] for stage in full.inner]
    if encoder == "mobilenet_v2":
        inner[0] = [stem]
    return Widths.of(encoder, stem, [rng.randint(1, 9) for _ in full.stages], inner)


def random_architecture(seed: int) -> Architecture:
    rng = random.Random(seed)
    encoder = rng.choice(list(ENCODERS))
    return Architecture(
        encoder,
        classes=rng.randint(2, 30),
        variant=rng.choice(["pyramid", "single"]),
        levels=rng.randint(1, 3),
        output_stride=rng.choice([4, 8]),
        features=rng.randint(3, 16),
        widths=random_widths(encoder, rng),
    )


def state_of(architecture: Architecture) -> Dict[str, Tensor]:
    return SwiftNet(architecture).state_dict()


@pytest.mark.parametrize("seed", range(12))
def test_recognises_any_pruned_network(seed: int) -> None:
    architecture = random_architecture(seed)
    assert architecture_of(state_of(architecture)) == architecture


@pytest.mark.parametrize("seed", range(6))
@torch.no_grad()
def test_any_pruned_network_computes(seed: int) -> None:
    network = SwiftNet(random_architecture(seed)).eval()
    image = torch.rand(1, 3, 64, 64)
    assert torch.equal(torch.fx.symbolic_trace(network)(image), network(image))


@pytest.mark.parametrize("name", reference.ARCHITECTURES)
def test_recognises_published_checkpoints(name: str) -> None:
    case = reference.case(name)
    assert architecture_of(case.weights()) == case.architecture


def test_names_what_is_no_swiftnet() -> None:
    state = state_of(narrow())
    with pytest.raises(InvalidInput, match=r"neither backbone\.conv1\.weight"):
        architecture_of({"conv1.weight": torch.zeros(64, 3, 7, 7)})
    with pytest.raises(InvalidInput, match=r"logits\.conv\.weight is missing"):
        architecture_of({key: state[key] for key in state if not key.startswith("logits")})
    with pytest.raises(InvalidInput, match=r"\(2, 2, 2, 1\) blocks"):
        architecture_of({key: state[key] for key in state if "layer4.1" not in key})
    with pytest.raises(InvalidInput, match="2 skips"):
        architecture_of({key: state[key] for key in state if "bottlenecks.2" not in key})
