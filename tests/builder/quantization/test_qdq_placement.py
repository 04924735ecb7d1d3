from __future__ import annotations

from typing import Set

import onnx
import pytest

from runtime.builder.export.export import onnx_from_model
from runtime.builder.export.onnx_graph import OnnxGraph
from runtime.builder.quantization.qdq_placement import (
    EVERYTHING,
    QuantizationOptions,
    convolution_inputs,
    fused_convolution,
    gives_the_logits,
    is_depthwise,
    placement_for,
    quantized_convolutions,
    reads_the_image,
)
from runtime.errors import InvalidConfig
from tests.builder.networks import narrow, randomised

SIZE = (64, 96)


@pytest.fixture(scope="module")
def pyramid() -> OnnxGraph:
    return OnnxGraph(onnx_from_model(randomised(narrow()), *SIZE))


@pytest.fixture(scope="module")
def mobile() -> OnnxGraph:
    architecture = narrow("mobilenet_v2", levels=1, output_stride=8)
    return OnnxGraph(onnx_from_model(randomised(architecture), *SIZE))


@pytest.fixture(scope="module")
def single() -> OnnxGraph:
    return OnnxGraph(onnx_from_model(randomised(narrow(variant="single")), *SIZE))


def node(wiring: OnnxGraph, name: str) -> onnx.NodeProto:
    return next(node for node in wiring.nodes if node.name == name)


def identities(wiring: OnnxGraph, options: QuantizationOptions) -> Set[str]:
    """Tensors that additions read quantized."""
    additions = {n.name for n in wiring.of_type("Add")}
    return {e.tensor for e in placement_for(wiring, options).edges if e.node in additions}


def test_every_convolution_reads_int8(pyramid: OnnxGraph) -> None:
    names = quantized_convolutions(pyramid, QuantizationOptions())
    assert names == {n.name for n in pyramid.of_type("Conv")}
    edges = convolution_inputs(pyramid, names)
    assert len(edges) == len(names)
    assert all(edge.position == 0 for edge in edges)


def test_the_first_convolution_can_stay_float(pyramid: OnnxGraph) -> None:
    chosen = quantized_convolutions(pyramid, QuantizationOptions(first_convolution=False))
    kept = {n.name for n in pyramid.of_type("Conv")} - chosen
    assert kept == {f"backbone.conv1@level{level}" for level in range(3)}
    assert all(reads_the_image(pyramid, node(pyramid, name)) for name in kept)


def test_the_classifier_can_stay_float(pyramid: OnnxGraph) -> None:
    chosen = quantized_convolutions(pyramid, QuantizationOptions(classifier=False))
    assert {n.name for n in pyramid.of_type("Conv")} - chosen == {"logits.conv"}
    assert gives_the_logits(node(pyramid, "logits.conv"))


def test_named_convolutions_stay_float_on_one_level_or_all(pyramid: OnnxGraph) -> None:
    options = QuantizationOptions(
        keep_float=frozenset({"backbone.layer1.0.conv1", "backbone.layer2.0.conv2@level1"})
    )
    kept = {n.name for n in pyramid.of_type("Conv")} - quantized_convolutions(pyramid, options)
    assert kept == {
        *(f"backbone.layer1.0.conv1@level{level}" for level in range(3)),
        "backbone.layer2.0.conv2@level1",
    }


def test_a_name_that_is_none_is_refused(pyramid: OnnxGraph) -> None:
    with pytest.raises(InvalidConfig, match="layer9"):
        placement_for(pyramid, QuantizationOptions(keep_float=frozenset({"layer9"})))


def test_depthwise_convolutions_stay_float(mobile: OnnxGraph) -> None:
    chosen = quantized_convolutions(mobile, QuantizationOptions())
    kept = {n.name for n in mobile.of_type("Conv")} - chosen
    assert kept == {n.name for n in mobile.of_type("Conv") if is_depthwise(mobile, n)}
    assert len(kept) == 17


def test_a_residual_addition_is_quantized_on_its_identity_alone(pyramid: OnnxGraph) -> None:
    found = identities(pyramid, QuantizationOptions())
    assert "backbone.layer1.0.conv2@level0/relu" in found
    assert "backbone.layer1.1.conv2@level0" not in found


def test_of_two_convolutions_the_shortcut_is_the_identity(pyramid: OnnxGraph) -> None:
    addition = node(pyramid, "backbone.layer2.0.conv2@level0/add")
    fused = fused_convolution(pyramid, addition)
    assert fused is not None
    assert fused.name == "backbone.layer2.0.conv2@level0"
    found = identities(pyramid, QuantizationOptions())
    assert "backbone.layer2.0.downsample.0@level0" in found


def test_a_linear_shortcut_is_the_identity_too(mobile: OnnxGraph) -> None:
    found = identities(mobile, QuantizationOptions())
    assert len(found) == 10, "one for each block that adds its input"
    assert "backbone.features.5.conv.2/add" in found


def test_sums_of_skips_stay_float_unless_asked_for(pyramid: OnnxGraph) -> None:
    residual = {t for t in identities(pyramid, QuantizationOptions()) if "upsample" in t}
    assert residual == set()
    sums = {t for t in identities(pyramid, EVERYTHING) if "upsample" in t}
    assert "backbone.upsample_bottlenecks.2@level1/add" in sums


def test_an_addition_without_a_convolution_to_swallow_it_stays_float(pyramid: OnnxGraph) -> None:
    addition = node(pyramid, "backbone.upsample_blends.1.blend_conv.conv/add")
    assert fused_convolution(pyramid, addition) is None
    assert addition.name not in {e.node for e in placement_for(pyramid, EVERYTHING).edges}


def test_an_addition_whose_convolution_is_float_stays_float(pyramid: OnnxGraph) -> None:
    options = QuantizationOptions(keep_float=frozenset({"backbone.layer1.0.conv2@level0"}))
    edges = placement_for(pyramid, options).edges
    assert "backbone.layer1.0.conv2@level0/add" not in {edge.node for edge in edges}


def test_images_are_interpolated_in_float(pyramid: OnnxGraph) -> None:
    resizes = {n.name for n in pyramid.of_type("Resize")}
    assert not resizes & {edge.node for edge in placement_for(pyramid, EVERYTHING).edges}


def test_a_rectified_sum_is_quantized_once_for_all_its_readers(single: OnnxGraph) -> None:
    tensors = placement_for(single, EVERYTHING).tensors
    assert len(tensors) == len(set(tensors))


@pytest.mark.parametrize("options", [QuantizationOptions(), EVERYTHING])
def test_calibration_measures_whatever_any_option_wants(
    pyramid: OnnxGraph, options: QuantizationOptions
) -> None:
    measured = set(placement_for(pyramid, EVERYTHING).tensors)
    assert set(placement_for(pyramid, options).tensors) <= measured
