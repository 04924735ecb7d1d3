"""The FP16 forms of the float master and of its INT8 twin, for runtimes typed by the graph.

TensorRT 8 takes the float master and a flag; TensorRT 10 and later are strongly typed and want the
precision written down. Images and logits stay float32 outside, so all builds of an engine look
alike to those who call them.
"""

from __future__ import annotations

from typing import MutableSequence, Set

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from runtime.builder.export.graph import INPUT, OUTPUT
from runtime.builder.export.onnx_graph import OnnxGraph
from runtime.errors import BuildFailed

_INSIDE = "{}/half"
# The first operator set whose QuantizeLinear takes FP16; strongly typed TensorRT knows later ones.
QUANTIZES_HALF, IR_OF_THAT_OPSET = 19, 9
LARGEST = float(np.finfo(np.float16).max)


def half_from_float(model: onnx.ModelProto) -> onnx.ModelProto:
    """Writes the FP16 twin of a float model, quantized or not.

    The scales of a quantized model become FP16 too, as the type of what is dequantized is that of
    the scale.

    Raises:
        BuildFailed: a weight is too large for FP16.
    """
    wiring = OnnxGraph(model)
    kept = _float32_by_definition(wiring)
    twin = onnx.ModelProto()
    twin.CopyFrom(model)
    for tensor in twin.graph.initializer:
        if tensor.data_type == TensorProto.FLOAT and tensor.name not in kept:
            tensor.CopyFrom(_half(tensor))
    for node in twin.graph.node:
        _rename(node.input, INPUT)
        _rename(node.output, OUTPUT)
    into = helper.make_node(
        "Cast", [INPUT], [_INSIDE.format(INPUT)], name=_INSIDE.format(INPUT), to=TensorProto.FLOAT16
    )
    out_of = helper.make_node(
        "Cast", [_INSIDE.format(OUTPUT)], [OUTPUT], name=OUTPUT, to=TensorProto.FLOAT
    )
    if wiring.of_type("QuantizeLinear"):
        twin.opset_import[0].version = QUANTIZES_HALF
        twin.ir_version = IR_OF_THAT_OPSET
    nodes = [into, *twin.graph.node, out_of]
    del twin.graph.node[:]
    twin.graph.node.extend(nodes)
    return twin


def _float32_by_definition(wiring: OnnxGraph) -> Set[str]:
    """Constants that ONNX wants in float32 whatever the graph's type: the scales of Resize."""
    return {tensor for node in wiring.of_type("Resize") for tensor in node.input[1:3] if tensor}


def _half(tensor: onnx.TensorProto) -> onnx.TensorProto:
    numbers = numpy_helper.to_array(tensor)
    largest = float(np.abs(numbers).max(initial=0))
    if not largest <= LARGEST:
        raise BuildFailed(
            f"{tensor.name} holds {largest:.3g}, more than FP16 can ({LARGEST:.0f})",
            "Build FP32 or INT8, or train with weight decay: folded weights of this size are ill",
        )
    return numpy_helper.from_array(numbers.astype(np.float16), tensor.name)


def _rename(names: MutableSequence[str], outside: str) -> None:
    for position, name in enumerate(names):
        if name == outside:
            names[position] = _INSIDE.format(outside)
