"""From a `Graph` to ONNX: opset 17, static shapes, one image, equal bytes for equal networks."""

from __future__ import annotations

from functools import singledispatch
from typing import Any, List, Optional, Sequence, Tuple

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from runtime.builder.export.graph import (
    INPUT,
    OUTPUT,
    Add,
    Concat,
    Convolution,
    Graph,
    MaxPool,
    Norm,
    Operation,
    RegionMean,
    Relu,
    Resize,
    Shape,
    Shrink,
    with_speaking_names,
)

OPSET = 17
# TensorRT 8.5 and OpenVINO 2024 read files of this version; opset 17 came with it.
IR_VERSION = 8
# The kernel of torch's bicubic interpolation (Keys 1981 with a = -0.75).
CUBIC_COEFFICIENT = -0.75

Emitted = Tuple[List[onnx.NodeProto], List[onnx.TensorProto]]
"""Nodes and initialisers."""


def onnx_from_graph(graph: Graph) -> onnx.ModelProto:
    """Writes a graph as an ONNX model with the input `image` and the output `logits`."""
    named = with_speaking_names(graph)
    nodes: List[onnx.NodeProto] = []
    initializers: List[onnx.TensorProto] = []
    for operation in named.operations:
        more_nodes, more_initializers = _emit(operation)
        nodes += more_nodes
        initializers += more_initializers
    nodes[-1].output[0] = OUTPUT
    proto = helper.make_graph(
        nodes,
        "swiftnet",
        [_value(INPUT, named.input_shape)],
        [_value(OUTPUT, named.operations[-1].shape)],
        initializers,
    )
    model = helper.make_model(
        proto, opset_imports=[helper.make_opsetid("", OPSET)], producer_name="swiftnet-runtime"
    )
    model.ir_version = IR_VERSION
    return model


def _value(name: str, shape: Shape) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, TensorProto.FLOAT, (1, *shape))


def _node(
    kind: str, operation: Operation, inputs: Optional[Sequence[str]] = None, **attributes: Any
) -> onnx.NodeProto:
    sources = operation.inputs if inputs is None else inputs
    return helper.make_node(kind, sources, [operation.name], name=operation.name, **attributes)


def _float(name: str, numbers: object) -> onnx.TensorProto:
    return numpy_helper.from_array(np.ascontiguousarray(numbers, dtype=np.float32), name)


@singledispatch
def _emit(operation: Operation) -> Emitted:
    raise TypeError(f"{type(operation).__name__} has no ONNX form")


@_emit.register
def _(operation: Convolution) -> Emitted:
    name = operation.name
    rows, columns = operation.padding
    node = _node(
        "Conv",
        operation,
        [*operation.inputs, f"{name}.weight", f"{name}.bias"],
        kernel_shape=operation.weight.shape[2:],
        strides=operation.stride,
        pads=(rows, columns, rows, columns),
        dilations=operation.dilation,
        group=operation.groups,
    )
    weight = operation.weight * operation.scale[:, None, None, None]
    return [node], [_float(f"{name}.weight", weight), _float(f"{name}.bias", operation.bias)]


@_emit.register
def _(operation: Norm) -> Emitted:
    name = operation.name
    parts = [f"{name}.scale", f"{name}.shift", f"{name}.mean", f"{name}.variance"]
    zeros = np.zeros_like(operation.scale)
    numbers = [operation.scale, operation.shift, zeros, zeros + 1]
    node = _node("BatchNormalization", operation, [*operation.inputs, *parts], epsilon=0.0)
    return [node], [_float(part, values) for part, values in zip(parts, numbers)]


@_emit.register
def _(operation: Relu) -> Emitted:
    if operation.ceiling == float("inf"):
        return [_node("Relu", operation)], []
    limits = [f"{operation.name}.floor", f"{operation.name}.ceiling"]
    node = _node("Clip", operation, [*operation.inputs, *limits])
    return [node], [_float(limits[0], 0.0), _float(limits[1], operation.ceiling)]


@_emit.register
def _(operation: Add) -> Emitted:
    return [_node("Add", operation)], []


@_emit.register
def _(operation: Concat) -> Emitted:
    return [_node("Concat", operation, axis=1)], []


@_emit.register
def _(operation: MaxPool) -> Emitted:
    node = _node(
        "MaxPool",
        operation,
        kernel_shape=(operation.kernel,) * 2,
        strides=(operation.stride,) * 2,
        pads=(operation.padding,) * 4,
    )
    return [node], []


@_emit.register
def _(operation: Resize) -> Emitted:
    sizes = f"{operation.name}.sizes"
    node = _node(
        "Resize",
        operation,
        [*operation.inputs, "", "", sizes],
        mode="linear",
        coordinate_transformation_mode="half_pixel",
    )
    return [node], [numpy_helper.from_array(np.array([1, *operation.shape], np.int64), sizes)]


@_emit.register
def _(operation: Shrink) -> Emitted:
    # Scales, not sizes: where a side is odd, sizes would stretch the sampling grid.
    scales = f"{operation.name}.scales"
    node = _node(
        "Resize",
        operation,
        [*operation.inputs, "", scales],
        mode="cubic",
        coordinate_transformation_mode="half_pixel",
        cubic_coeff_a=CUBIC_COEFFICIENT,
    )
    factor = 1 / operation.factor
    return [node], [_float(scales, (1, 1, factor, factor))]


@_emit.register
def _(operation: RegionMean) -> Emitted:
    rows, columns = operation.source
    _, grid_rows, grid_columns = operation.shape
    if rows % grid_rows == 0 and columns % grid_columns == 0:
        kernel = (rows // grid_rows, columns // grid_columns)
        return [_node("AveragePool", operation, kernel_shape=kernel, strides=kernel)], []
    # Unequal regions are no pooling window, but rows and columns average one after the other.
    name = operation.name
    left, right, between = f"{name}.rows", f"{name}.columns", f"{name}/rows"
    first = helper.make_node("MatMul", [left, *operation.inputs], [between], name=between)
    matrices = [
        _float(left, _averaging(rows, grid_rows)),
        _float(right, _averaging(columns, grid_columns).T),
    ]
    return [first, _node("MatMul", operation, [between, right])], matrices


def _averaging(size: int, regions: int) -> np.ndarray:
    """The (regions, size) matrix whose product with a line is the mean of each region."""
    matrix = np.zeros((regions, size))
    for index in range(regions):
        start, end = index * size // regions, -(-(index + 1) * size // regions)
        matrix[index, start:end] = 1 / (end - start)
    return matrix
