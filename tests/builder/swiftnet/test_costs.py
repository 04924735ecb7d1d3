from __future__ import annotations

import pytest

from runtime.builder.swiftnet import Architecture, SwiftNet, Widths
from runtime.builder.swiftnet.costs import cost_of, padded_macs
from tests.builder.networks import narrow

HEIGHT, WIDTH = 1024, 2048


def study_model(widths: Widths) -> Architecture:
    """The pruning study's geometry: ResNet-34 pyramid, output stride 8, 150 classes."""
    return Architecture("resnet34", classes=150, output_stride=8, widths=widths)


ITERATIVE = Widths.resnet(
    34,
    stem=24,
    stages=(24, 65, 256, 512),
    inner=((31, 31, 30), (67, 110, 109, 109), (256,) * 6, (512,) * 3),
)


@pytest.mark.parametrize(
    ("widths", "parameters", "gmacs"),
    [
        (Widths.resnet(34), 22_040_278, 209.67),
        (Widths.resnet(34, stem=32, stages=(32, 64, 256, 512)), 20_857_526, 139.68),
        (Widths.resnet(34, stem=32, stages=(32, 64, 128, 256)), 6_010_806, 59.75),
        (ITERATIVE, 21_004_589, 143.13),
    ],
    ids=["full", "blocks 1-2 halved", "all blocks halved", "pruned iteratively"],
)
def test_counts_the_studys_models(widths: Widths, parameters: int, gmacs: float) -> None:
    cost = cost_of(study_model(widths), HEIGHT, WIDTH)
    assert cost.parameters == parameters
    assert round(cost.gmacs, 2) == gmacs


def test_counts_to_the_last_multiply_add() -> None:
    assert cost_of(study_model(ITERATIVE), HEIGHT, WIDTH).macs == 143_125_264_384


@pytest.mark.parametrize(
    ("encoder", "classifier", "published"),
    [
        ("resnet18", 512 * 1000 + 1000, 11_689_512),
        ("resnet34", 512 * 1000 + 1000, 21_797_672),
        ("mobilenet_v2", 320 * 1280 + 2 * 1280 + 1280 * 1000 + 1000, 3_504_872),
    ],
)
def test_encoders_are_as_large_as_on_imagenet(
    encoder: str, classifier: int, published: int
) -> None:
    network = SwiftNet(Architecture(encoder, 2, variant="single"))
    counted = sum(parameter.numel() for parameter in network.encoder_parameters())
    assert counted + classifier == published


def test_multiply_adds_grow_with_the_area() -> None:
    small = cost_of(narrow(), 128, 256)
    assert cost_of(narrow(), 256, 512).macs == 4 * small.macs


def test_counts_a_network_by_hand() -> None:
    """One more class costs a weight per feature and a bias, at every logit."""
    two, three = (cost_of(Architecture("resnet18", classes), 128, 256) for classes in (2, 3))
    assert three.parameters - two.parameters == 128 + 1
    assert three.macs - two.macs == (128 + 1) * (128 // 4) * (256 // 4)


@pytest.mark.long
def test_padding_shows_what_unaligned_widths_really_cost() -> None:
    aligned = study_model(Widths.resnet(34, stem=32, stages=(32, 64, 256, 512)))
    assert padded_macs(aligned, HEIGHT, WIDTH) == cost_of(aligned, HEIGHT, WIDTH).macs
    unaligned = study_model(ITERATIVE)
    assert round(padded_macs(unaligned, HEIGHT, WIDTH) / 1e9, 1) == 162.2
    assert padded_macs(unaligned, HEIGHT, WIDTH, alignment=8) < padded_macs(
        unaligned, HEIGHT, WIDTH, alignment=32
    )
