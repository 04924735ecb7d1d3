"""From the float master to its INT8 twin: symmetric QuantizeLinear and DequantizeLinear pairs.

Where they go is decided in placement.py; this module writes them in the one form that TensorRT
8.5 to 11, TensorRT-RTX and OpenVINO all read: three inputs, INT8 zero points of zero, one scale
per activation, one per output channel of a weight, biases in float.
"""

from __future__ import annotations

from typing import Any, Dict, Iterable, List, Mapping, Sequence, Union

import numpy as np
import onnx
from onnx import helper, numpy_helper

from runtime.builder.export.onnx_graph import Edge, OnnxGraph, module_of
from runtime.builder.quantization.qdq_placement import Placement, QuantizationOptions, placement_for
from runtime.builder.quantization.shared_weights import (
    INT8_LIMIT,
    SCALE_FLOOR,
    QuantizedWeight,
    quantized_weights,
)
from runtime.errors import BuildFailed

_WEIGHT = 1
_BIAS = 2


def int8_from_float(
    model: onnx.ModelProto,
    thresholds: Mapping[str, float],
    options: QuantizationOptions,
    plain: bool = False,
) -> onnx.ModelProto:
    """Writes the quantized twin of a float model.

    Args:
        model: the float master; it is not changed.
        thresholds: by tensor, the magnitude that becomes 127.
        options: which operations take part.
        plain: keep float weights in front of a QuantizeLinear, for runtimes that want to see
            both; the levels of a pyramid then share nothing and the file is a dozen times as large.

    Raises:
        BuildFailed: a tensor to be quantized has no threshold.
    """
    wiring = OnnxGraph(model)
    placement = placement_for(wiring, options)
    twin = _Twin(model, wiring, placement)
    for tensor in placement.tensors:
        twin.quantize_activation(tensor, _threshold(thresholds, tensor))
    for module, weights in _weights_by_module(wiring, placement).items():
        for number, weight in enumerate(quantized_weights(weights), start=1):
            if plain:
                twin.quantize_weights(weight)
            else:
                suffix = "" if number == 1 else f"_{number}"
                twin.share_weights(f"{module}.weight.int8{suffix}", weight)
    return twin.model()


def with_corrected_biases(
    twin: onnx.ModelProto, corrections: Mapping[str, np.ndarray]
) -> onnx.ModelProto:
    """The same INT8 twin with something added to the biases of some convolutions.

    Args:
        twin: it is not changed.
        corrections: by convolution, (out,) float32; see bias.py.
    """
    corrected = onnx.ModelProto()
    corrected.CopyFrom(twin)
    biases = {n.input[_BIAS]: n.name for n in twin.graph.node if n.name in corrections}
    for tensor in corrected.graph.initializer:
        if tensor.name in biases:
            bias = numpy_helper.to_array(tensor) + corrections[biases[tensor.name]]
            tensor.CopyFrom(numpy_helper.from_array(bias, tensor.name))
    return corrected


def dequantized_weights(wiring: OnnxGraph, options: QuantizationOptions) -> Dict[str, np.ndarray]:
    """The weights that the INT8 twin computes with, by convolution, as float32.

    Args:
        wiring: the float graph, with its tensors' producers and readers.
        options: which layers stay in float.
    """
    placement = placement_for(wiring, options)
    return {
        name: weight.integers * scales[:, None, None, None]
        for weights in _weights_by_module(wiring, placement).values()
        for weight in quantized_weights(weights)
        for name, scales in weight.scales.items()
    }


def _threshold(thresholds: Mapping[str, float], tensor: str) -> float:
    if tensor not in thresholds:
        raise BuildFailed(
            f"the range table has no range for {tensor}",
            "Calibrate this very graph again: the table belongs to another one",
        )
    return thresholds[tensor]


def _weights_by_module(wiring: OnnxGraph, placement: Placement) -> Dict[str, Dict[str, np.ndarray]]:
    by_module: Dict[str, Dict[str, np.ndarray]] = {}
    for node in wiring.of_type("Conv"):
        if node.name in placement.convolutions:
            weight = wiring.constant(node.input[_WEIGHT])
            if weight is None:
                raise BuildFailed(
                    f"the weights of {node.name} are computed, not stored",
                    "Export the float model with onnx_from_model, which stores them",
                )
            by_module.setdefault(module_of(node.name), {})[node.name] = weight
    return by_module


class _Twin:
    """The quantized model while it is written."""

    def __init__(self, model: onnx.ModelProto, wiring: OnnxGraph, placement: Placement) -> None:
        self._source = model
        self._wiring = wiring
        self._edges = set(placement.edges)
        self._float_weight = {node.name: node.input[_WEIGHT] for node in wiring.of_type("Conv")}
        self._pairs: Dict[str, List[onnx.NodeProto]] = {}
        self._weights: Dict[str, List[onnx.NodeProto]] = {}
        self._constants: Dict[str, onnx.TensorProto] = {}

    def quantize_activation(self, tensor: str, threshold: float) -> None:
        """One pair after the tensor's producer, for all who read it quantized."""
        scale = self._constant(
            f"{tensor}.scale", np.float32(max(threshold / INT8_LIMIT, SCALE_FLOOR))
        )
        zero = self._constant("zero_point", np.int8(0))
        self._pairs[tensor] = [
            _node("QuantizeLinear", [tensor, scale, zero], f"{tensor}/quantized"),
            _node("DequantizeLinear", [f"{tensor}/quantized", scale, zero], _dequantized(tensor)),
        ]

    def share_weights(self, name: str, weight: QuantizedWeight) -> None:
        """One INT8 initialiser, and a DequantizeLinear for every convolution that uses it."""
        integers = self._constant(name, weight.integers)
        for convolution, scales in weight.scales.items():
            inputs = [integers, *self._per_channel(convolution, scales)]
            output = _dequantized(f"{convolution}.weight")
            self._weights[convolution] = [_node("DequantizeLinear", inputs, output, axis=0)]

    def quantize_weights(self, weight: QuantizedWeight) -> None:
        """The float initialiser of every convolution, through a pair of its own."""
        for convolution, scales in weight.scales.items():
            stored = self._float_weight[convolution]
            parameters = self._per_channel(convolution, scales)
            quantized = f"{stored}/quantized"
            output = _dequantized(f"{convolution}.weight")
            self._weights[convolution] = [
                _node("QuantizeLinear", [stored, *parameters], quantized, axis=0),
                _node("DequantizeLinear", [quantized, *parameters], output, axis=0),
            ]

    def model(self) -> onnx.ModelProto:
        """The finished twin."""
        twin = _without_graph(self._source)
        source = self._source.graph
        twin.graph.name = source.name
        twin.graph.input.extend(source.input)
        twin.graph.output.extend(source.output)
        twin.graph.node.extend(self._nodes())
        read = {tensor for node in twin.graph.node for tensor in node.input}
        twin.graph.initializer.extend(t for t in source.initializer if t.name in read)
        twin.graph.initializer.extend(self._constants.values())
        return twin

    def _nodes(self) -> Iterable[onnx.NodeProto]:
        for tensor in sorted(self._wiring.inputs):
            yield from self._pairs.get(tensor, [])
        for node in self._wiring.nodes:
            yield from self._weights.get(node.name, [])
            yield self._rewired(node)
            for tensor in node.output:
                yield from self._pairs.get(tensor, [])

    def _rewired(self, node: onnx.NodeProto) -> onnx.NodeProto:
        rewired = onnx.NodeProto()
        rewired.CopyFrom(node)
        for position, tensor in enumerate(node.input):
            if Edge(node.name, position, tensor) in self._edges:
                rewired.input[position] = _dequantized(tensor)
        if node.name in self._weights:
            rewired.input[_WEIGHT] = _dequantized(f"{node.name}.weight")
        return rewired

    def _per_channel(self, convolution: str, scales: np.ndarray) -> List[str]:
        zeros = np.zeros(len(scales), np.int8)
        return [
            self._constant(f"{convolution}.weight.scale", scales),
            self._constant(f"zero_points.{len(scales)}", zeros),
        ]

    def _constant(self, name: str, numbers: Union[np.ndarray, np.generic]) -> str:
        self._constants[name] = numpy_helper.from_array(np.asarray(numbers), name)
        return name


def _node(kind: str, inputs: Sequence[str], output: str, **attributes: Any) -> onnx.NodeProto:
    return helper.make_node(kind, inputs, [output], name=output, **attributes)


def _dequantized(tensor: str) -> str:
    return f"{tensor}/dequantized"


def _without_graph(model: onnx.ModelProto) -> onnx.ModelProto:
    """Versions and origin of a model, without copying its weights."""
    shell = onnx.ModelProto()
    shell.ir_version = model.ir_version
    shell.producer_name = model.producer_name
    shell.opset_import.extend(model.opset_import)
    return shell
