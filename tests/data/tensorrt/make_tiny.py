"""Makes graphs of a few nodes, some with a fault that TensorRT's parser must refuse.

python -m tests.data.tensorrt.make_tiny
"""

from __future__ import annotations

from pathlib import Path
from typing import Callable, Dict

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from runtime.builder.export.fp16 import half_from_float

HERE = Path(__file__).parent
SCALE, ZERO = "scale", "zero"


def quantized_convolution() -> onnx.ModelProto:
    """A convolution of four channels with INT8 input and weights, as the builder writes it."""
    constants: Dict[str, np.ndarray] = {
        SCALE: np.array(0.5, np.float32),
        ZERO: np.array(0, np.int8),
        "weight": np.ones((4, 4, 1, 1), np.int8),
        "bias": np.zeros(4, np.float32),
    }
    nodes = [
        helper.make_node("QuantizeLinear", ["image", SCALE, ZERO], ["quantized"], name="quantize"),
        helper.make_node("DequantizeLinear", ["quantized", SCALE, ZERO], ["input"], name="input"),
        helper.make_node("DequantizeLinear", ["weight", SCALE, ZERO], ["kernel"], name="kernel"),
        helper.make_node("Conv", ["input", "kernel", "bias"], ["logits"], name="convolution"),
    ]
    shape = [1, 4, 8, 8]
    graph = helper.make_graph(
        nodes,
        "broken",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, shape)],
        [numpy_helper.from_array(numbers, name) for name, numbers in constants.items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def _replace(model: onnx.ModelProto, name: str, numbers: np.ndarray) -> onnx.ModelProto:
    for tensor in model.graph.initializer:
        if tensor.name == name:
            tensor.CopyFrom(numpy_helper.from_array(numbers, name))
    return model


def unknown_operator() -> onnx.ModelProto:
    model = quantized_convolution()
    model.graph.node[-1].op_type = "Deconvolute"
    return model


def mixed_types() -> onnx.ModelProto:
    """An FP16 graph one of whose scales was left in FP32."""
    return _replace(half_from_float(quantized_convolution()), SCALE, np.array(0.5, np.float32))


def scale_not_positive() -> onnx.ModelProto:
    return _replace(quantized_convolution(), SCALE, np.array(0, np.float32))


def zero_point() -> onnx.ModelProto:
    return _replace(quantized_convolution(), ZERO, np.array(3, np.int8))


def integer_bias() -> onnx.ModelProto:
    model = _replace(quantized_convolution(), "bias", np.zeros(4, np.int32))
    inputs = ["bias", SCALE]
    bias = helper.make_node("DequantizeLinear", inputs, ["float_bias"], name="float_bias")
    model.graph.node.insert(3, bias)
    model.graph.node[-1].input[2] = "float_bias"
    return model


FAULTS: Dict[str, Callable[[], onnx.ModelProto]] = {
    "unknown-operator": unknown_operator,
    "mixed-types": mixed_types,
    "scale-not-positive": scale_not_positive,
    "zero-point": zero_point,
    "integer-bias": integer_bias,
}


def averaging() -> onnx.ModelProto:
    """Pooling by a matrix, as the builder writes it where regions are of unequal size."""
    node = helper.make_node("MatMul", ["rows", "image"], ["logits"], name="averaging")
    graph = helper.make_graph(
        [node],
        "sound",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, [1, 4, 8, 8])],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, [1, 4, 3, 8])],
        [numpy_helper.from_array(np.full((3, 8), 0.375, np.float32), "rows")],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def main() -> None:
    """Writes a file for each fault, named like the row of the table that explains it."""
    for name, make in FAULTS.items():
        (HERE / f"broken-{name}.onnx").write_bytes(make().SerializeToString())
    (HERE / "sound.onnx").write_bytes(quantized_convolution().SerializeToString())
    (HERE / "averaging.onnx").write_bytes(averaging().SerializeToString())


if __name__ == "__main__":
    main()
