from __future__ import annotations

from typing import Dict

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from runtime.builder.export.export import onnx_from_model
from runtime.builder.export.lint import findings_of
from runtime.builder.export.onnx_graph import OnnxGraph
from runtime.builder.export.onnx_runner import OnnxRunner
from runtime.builder.quantization.qdq_placement import (
    EVERYTHING,
    QuantizationOptions,
    placement_for,
)
from runtime.builder.quantization.quantize import int8_from_float
from runtime.builder.swiftnet import Architecture
from runtime.errors import BuildFailed
from tests.builder.networks import narrow, randomised

SIZE = (64, 96)


def image() -> np.ndarray:
    return np.random.default_rng(5).normal(size=(1, 3, *SIZE)).astype(np.float32)


def exported(architecture: Architecture) -> onnx.ModelProto:
    return onnx_from_model(randomised(architecture), *SIZE)


def maxima(model: onnx.ModelProto) -> Dict[str, float]:
    tensors = placement_for(OnnxGraph(model), EVERYTHING).tensors
    values = OnnxRunner(model, tensors).run(image())
    return {name: float(np.abs(value).max()) for name, value in zip(tensors, values)}


@pytest.fixture(scope="module")
def pyramid() -> onnx.ModelProto:
    return exported(narrow())


@pytest.fixture(scope="module")
def ranges(pyramid: onnx.ModelProto) -> Dict[str, float]:
    return maxima(pyramid)


def relative_error(one: onnx.ModelProto, other: onnx.ModelProto) -> float:
    first, second = OnnxRunner(one).run(image())[0], OnnxRunner(other).run(image())[0]
    return float(np.sqrt(np.mean((first - second) ** 2) / np.mean(second**2)))


FAMILY = {
    "pyramid": narrow(),
    "stride 8": narrow("resnet34", output_stride=8, levels=2),
    "single": narrow(variant="single"),
    "mobile": narrow("mobilenet_v2", levels=1),
}


@pytest.mark.long
@pytest.mark.parametrize("name", FAMILY)
def test_the_int8_twin_answers_nearly_the_same_and_tensorrt_takes_it(name: str) -> None:
    model = exported(FAMILY[name])
    twin = int8_from_float(model, maxima(model), QuantizationOptions())
    onnx.checker.check_model(twin, full_check=True)
    assert findings_of(twin) == []
    assert 1e-4 < relative_error(twin, model) < 0.08


@pytest.mark.long
def test_the_plain_form_says_the_same(pyramid: onnx.ModelProto, ranges: Dict[str, float]) -> None:
    plain = int8_from_float(pyramid, ranges, EVERYTHING, plain=True)
    assert findings_of(plain) == []
    shared = int8_from_float(pyramid, ranges, EVERYTHING)
    assert relative_error(plain, shared) < 0.03
    assert not [t for t in plain.graph.initializer if t.name.endswith("weight.int8")]


def test_pyramid_levels_share_their_int8_weights(
    pyramid: onnx.ModelProto, ranges: Dict[str, float]
) -> None:
    twin = int8_from_float(pyramid, ranges, QuantizationOptions())
    stored = [numpy_helper.to_array(t) for t in twin.graph.initializer]
    integers = [array for array in stored if array.dtype == np.int8 and array.ndim == 4]
    network = randomised(narrow())
    modules = [p for name, p in network.named_parameters() if p.dim() == 4]
    assert len(integers) == len(modules)
    assert sum(array.size for array in integers) == sum(p.numel() for p in modules)
    assert not [array for array in stored if array.dtype == np.float32 and array.ndim == 4]


def test_each_level_has_scales_of_its_own(
    pyramid: onnx.ModelProto, ranges: Dict[str, float]
) -> None:
    twin = int8_from_float(pyramid, ranges, QuantizationOptions())
    constants = {t.name: numpy_helper.to_array(t) for t in twin.graph.initializer}
    scales = [constants[f"backbone.layer1.0.conv1@level{i}.weight.scale"] for i in range(3)]
    assert not np.allclose(scales[0], scales[1])
    readers = [
        node.name
        for node in twin.graph.node
        if node.op_type == "DequantizeLinear"
        and node.input[0] == "backbone.layer1.0.conv1.weight.int8"
    ]
    assert len(readers) == 3


def test_what_is_kept_float_has_its_float_weights(
    pyramid: onnx.ModelProto, ranges: Dict[str, float]
) -> None:
    options = QuantizationOptions(keep_float=frozenset({"backbone.layer3.0.conv1"}))
    twin = int8_from_float(pyramid, ranges, options)
    kept = [node for node in twin.graph.node if node.name.startswith("backbone.layer3.0.conv1@")]
    assert [node.input[1] for node in kept if node.op_type == "Conv"] == [
        f"backbone.layer3.0.conv1@level{level}.weight" for level in range(3)
    ]
    assert findings_of(twin) == []


def test_a_tensor_is_quantized_once_however_many_read_it(
    pyramid: onnx.ModelProto, ranges: Dict[str, float]
) -> None:
    twin = int8_from_float(pyramid, ranges, EVERYTHING)
    sources = [n.input[0] for n in twin.graph.node if n.op_type == "QuantizeLinear"]
    assert len(sources) == len(set(sources))


def test_a_dead_tensor_gets_a_scale_that_tensorrt_takes(
    pyramid: onnx.ModelProto, ranges: Dict[str, float]
) -> None:
    dead = dict.fromkeys(ranges, 0.0)
    assert findings_of(int8_from_float(pyramid, dead, QuantizationOptions())) == []


def test_ranges_of_another_graph_are_refused(
    pyramid: onnx.ModelProto, ranges: Dict[str, float]
) -> None:
    with pytest.raises(BuildFailed, match="no range for image"):
        int8_from_float(pyramid, {}, QuantizationOptions())


def test_the_float_master_is_left_as_it_was(
    pyramid: onnx.ModelProto, ranges: Dict[str, float]
) -> None:
    before = pyramid.SerializeToString()
    int8_from_float(pyramid, ranges, EVERYTHING)
    assert pyramid.SerializeToString() == before


def test_a_dead_filter_gets_a_scale_that_tensorrt_takes_and_stays_silent(
    pyramid: onnx.ModelProto, ranges: Dict[str, float]
) -> None:
    name = "backbone.layer1.0.conv1@level0"
    model = onnx.ModelProto()
    model.CopyFrom(pyramid)
    for tensor in model.graph.initializer:
        if tensor.name in (f"{name}.weight", f"{name}.bias"):
            numbers = numpy_helper.to_array(tensor).copy()
            numbers[3] = 0
            tensor.CopyFrom(numpy_helper.from_array(numbers, tensor.name))
    twin = int8_from_float(model, ranges, QuantizationOptions())
    assert findings_of(twin) == []
    node = next(node for node in twin.graph.node if node.name == name)
    # Its integers are those of the other levels, where the filter lives.
    values = np.abs(OnnxRunner(twin, (node.output[0],)).run(image())[0][0])
    assert values[3].max() < values.max() / 1000


def test_magnitudes_above_the_threshold_are_clipped_to_it(
    pyramid: onnx.ModelProto, ranges: Dict[str, float]
) -> None:
    tensor = "backbone.layer2.0.conv1@level0/relu"
    threshold = ranges[tensor] / 4
    twin = int8_from_float(pyramid, {**ranges, tensor: threshold}, QuantizationOptions())
    values = OnnxRunner(twin, (f"{tensor}/dequantized",)).run(image())[0]
    assert values.max() == pytest.approx(threshold, rel=1e-5)
