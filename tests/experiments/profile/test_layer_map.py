from __future__ import annotations

from collections import Counter
from typing import Counter as CounterOf
from typing import Optional

import pytest

from runtime.builder.export.export import onnx_from_model
from runtime.builder.swiftnet import Architecture
from runtime.experiments.profile.layer_map import Place, places_in
from tests.builder.networks import narrow, randomised


@pytest.mark.parametrize(
    ("name", "place"),
    [
        ("backbone.conv1@level0", Place("stem", 0)),
        ("backbone.conv1@level2/max_pool", Place("stem", 2)),
        ("backbone.layer3.1.conv2@level1", Place("block 3", 1)),
        ("backbone.layer2.0.downsample.0@level2", Place("block 2", 2)),
        ("image/shrunk2", Place("scaling", 1)),
        ("image/shrunk4", Place("scaling", 2)),
        ("backbone.upsample_bottlenecks.2@level1", Place("skips", 1)),
        ("backbone.upsample_blends.3.blend_conv.conv/resize", Place("blends")),
        ("backbone.upsample.1.bottleneck.conv", Place("blends")),
        ("backbone.spp.spp.spp_fuse.conv", Place("context")),
        ("logits.conv", Place("classifier")),
        # One level alone needs no mark.
        ("backbone.layer1.0.conv1", Place("block 1", 0)),
        ("image", None),
        ("Constant_17", None),
    ],
)
def test_tells_our_own_names(name: str, place: Optional[Place]) -> None:
    assert places_in("resnet18")(name) == place


@pytest.mark.parametrize(
    ("fused", "place"),
    [
        # TensorRT joins names by plus signs, or wraps them.
        (
            "backbone.layer1.0.conv2@level1 + backbone.layer1.0.conv2@level1/relu",
            Place("block 1", 1),
        ),
        ("PWN(backbone.layer2.1.conv2@level0/relu)", Place("block 2", 0)),
        (
            "Reformatting CopyNode for Input Tensor 0 to backbone.conv1@level2",
            Place("stem", 2),
        ),
        # OpenVINO lists them with commas; the convolution, which leads, decides.
        (
            "backbone.upsample_bottlenecks.3@level0,backbone.upsample_blends.3.blend_conv.conv/add",
            Place("skips", 0),
        ),
        ("image_abcd_acdb_image/shrunk4", Place("scaling", 2)),
        ("logits.conv/WithoutBiases_acdb_abcd_logits/sink_port_0", Place("classifier")),
    ],
)
def test_tells_fused_layers(fused: str, place: Place) -> None:
    assert places_in("resnet18")(fused) == place


@pytest.mark.parametrize(
    ("index", "part"),
    [(0, "stem"), (1, "block 1"), (3, "block 1"), (4, "block 2"), (7, "block 3"), (17, "block 4")],
)
def test_blocks_of_mobilenet_end_where_the_decoder_taps(index: int, part: str) -> None:
    place_of = places_in("mobilenet_v2")
    assert place_of(f"backbone.features.{index}.conv.0.0@level1") == Place(part, 1)


@pytest.mark.long
@pytest.mark.parametrize(
    "architecture",
    [
        narrow("resnet18"),
        narrow("resnet34", variant="single", output_stride=8, levels=2),
        narrow("mobilenet_v2"),
        narrow("mobilenet_v2", variant="single", levels=1),
    ],
    ids=lambda a: f"{a.encoder}-{a.variant}",
)
def test_every_node_of_an_exported_network_has_its_place(architecture: Architecture) -> None:
    place_of = places_in(architecture.encoder)
    nodes = onnx_from_model(randomised(architecture), 128, 128).graph.node
    found: CounterOf[Optional[Place]] = Counter(place_of(node.name) for node in nodes)
    assert found[None] == 0
    convolutions = Counter(place_of(n.name) for n in nodes if n.op_type == "Conv")
    levels = architecture.levels if architecture.variant == "pyramid" else 1
    for part in ("stem", "block 1", "block 2", "block 3", "block 4"):
        assert {convolutions[Place(part, level)] for level in range(levels)} == {
            convolutions[Place(part, 0)]
        }
        assert convolutions[Place(part, 0)]
