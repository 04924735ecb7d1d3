"""What TensorRT 8.5 would refuse or get wrong, found before a device ever sees the file.

Each check is one import rule of the ONNX parser of TensorRT 8.5 (branch 8.5-GA of onnx-tensorrt,
and NvInfer.h 8.5.2), the oldest runtime of the project. Newer TensorRT and OpenVINO accept all
that it accepts; the reverse does not hold, so their silence proves nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Callable, Iterator, List, Tuple

import numpy as np
import onnx
from onnx import TensorProto

from runtime.builder.export.onnx_graph import OnnxGraph, attribute
from runtime.errors import BuildFailed

NEWEST_OPSET = 17
NEWEST_IR = 8
_QUANTIZERS = ("QuantizeLinear", "DequantizeLinear")
_WEIGHTED = ("Conv", "ConvTranspose", "Gemm", "MatMul")
_SHOWN = 5


@dataclass(frozen=True)
class Finding:
    """One reason why TensorRT 8.5 would not take a file.

    Attributes:
        place: the node or tensor.
        problem: what is wrong with it.
        cure: what to do about it.
    """

    place: str
    problem: str
    cure: str

    def __str__(self) -> str:
        return f"{self.place}: {self.problem}. {self.cure}."


Check = Callable[[onnx.ModelProto, OnnxGraph], Iterator[Finding]]


def findings_of(model: onnx.ModelProto) -> List[Finding]:
    """Everything that TensorRT 8.5 would object to; empty for a file that it takes."""
    wiring = OnnxGraph(model)
    return [finding for check in CHECKS for finding in check(model, wiring)]


def require_importable(model: onnx.ModelProto) -> None:
    """Stops a build whose file TensorRT 8.5 would refuse.

    Raises:
        BuildFailed: with the first findings.
    """
    findings = findings_of(model)
    if findings:
        shown = " ".join(str(finding) for finding in findings[:_SHOWN])
        raise BuildFailed(
            f"TensorRT 8.5 would refuse the file for {len(findings)} reasons, such as: {shown}",
            "Cure them in the network or in the builder's options",
        )


def old_enough_versions(model: onnx.ModelProto, _: OnnxGraph) -> Iterator[Finding]:
    """Opset 17 is the last that 8.5 knows."""
    for opset in model.opset_import:
        if opset.domain not in ("", "ai.onnx"):
            yield Finding(opset.domain, "is a foreign operator set", "Use standard operators only")
        elif opset.version > NEWEST_OPSET:
            yield Finding(
                "the file", f"has opset {opset.version}", f"Export with opset {NEWEST_OPSET}"
            )
    if model.ir_version > NEWEST_IR:
        yield Finding(
            "the file", f"has IR version {model.ir_version}", f"Write IR version {NEWEST_IR}"
        )


def known_operators(_: onnx.ModelProto, wiring: OnnxGraph) -> Iterator[Finding]:
    """Operators that 8.5 lacks, or that only other runtimes' quantization produces."""
    missing = {
        "LayerNormalization": "Write it with elementary operators",
        "QLinearConv": "Use QuantizeLinear and DequantizeLinear around a Conv",
        "ConvInteger": "Use QuantizeLinear and DequantizeLinear around a Conv",
        "DynamicQuantizeLinear": "Use a scale from calibration",
    }
    for node in wiring.of_type(*missing):
        yield Finding(node.name, f"is a {node.op_type}, which 8.5 lacks", missing[node.op_type])


def static_shapes(model: onnx.ModelProto, _: OnnxGraph) -> Iterator[Finding]:
    """The engine is built for one size."""
    for value in (*model.graph.input, *model.graph.output):
        if any(not d.HasField("dim_value") for d in value.type.tensor_type.shape.dim):
            yield Finding(value.name, "has a dynamic shape", "Export with fixed height and width")


def three_inputs(_: onnx.ModelProto, wiring: OnnxGraph) -> Iterator[Finding]:
    """8.5 asserts that a zero point is given, though ONNX lets it be left out."""
    for node in wiring.of_type(*_QUANTIZERS):
        if len([tensor for tensor in node.input if tensor]) != 3:
            yield Finding(node.name, "has no zero point", "Give it an INT8 zero point of 0")


def int8_zero_points(_: onnx.ModelProto, wiring: OnnxGraph) -> Iterator[Finding]:
    """Only symmetric INT8: zero points of that type, all zero, one per scale."""
    for node in wiring.of_type(*_QUANTIZERS):
        points = wiring.constant(node.input[2]) if len(node.input) == 3 else None
        if points is None:
            continue
        if points.dtype != np.int8:
            yield Finding(node.name, f"has {points.dtype} zero points", "Quantize to INT8")
        if points.any():
            yield Finding(node.name, "has a zero point that is not 0", "Quantize symmetrically")
        if points.shape != wiring.constant_shape(node.input[1]):
            yield Finding(node.name, "has not one zero point per scale", "Give as many")


def positive_constant_scales(_: onnx.ModelProto, wiring: OnnxGraph) -> Iterator[Finding]:
    """Scales are read at import as float32, unchecked, and must be above zero."""
    for node in wiring.of_type(*_QUANTIZERS):
        scales = wiring.constant(node.input[1])
        if scales is None:
            yield Finding(node.name, "has a scale that is computed", "Store it as an initialiser")
        elif scales.dtype != np.float32:
            yield Finding(node.name, f"has {scales.dtype} scales", "Store them as float32")
        elif not (scales > 0).all():
            yield Finding(
                node.name, "has a scale that is not positive", "Raise it to a small positive floor"
            )


def per_channel_weights_only(_: onnx.ModelProto, wiring: OnnxGraph) -> Iterator[Finding]:
    """Several scales are for constants alone, one per output channel of a convolution."""
    for node in wiring.of_type(*_QUANTIZERS):
        shape = wiring.constant_shape(node.input[1])
        if not shape or shape == (1,):
            continue
        rooted = _root_shape(wiring, node)
        axis = attribute(node, "axis", 1)
        if rooted == ():
            yield Finding(node.name, "has several scales for an activation", "Use one per tensor")
        elif axis != 0 or shape != rooted[:1]:
            yield Finding(
                node.name,
                f"has {shape} scales on axis {axis} of a weight of shape {rooted}",
                "Use one per output channel, on axis 0",
            )


def _root_shape(wiring: OnnxGraph, node: onnx.NodeProto) -> Tuple[int, ...]:
    """The shape of the constant that a quantizer starts from, if there is one."""
    source = node.input[0]
    producer = wiring.producer(source)
    if producer is not None and producer.op_type == "QuantizeLinear":
        source = producer.input[0]
    return wiring.constant_shape(source)


def float_biases(_: onnx.ModelProto, wiring: OnnxGraph) -> Iterator[Finding]:
    """A bias is a float initialiser; dequantized INT32 is refused."""
    for node in wiring.of_type("Conv", "ConvTranspose"):
        if len(node.input) < 3:
            continue
        bias = wiring.constant(node.input[2])
        if bias is None or bias.dtype != np.float32 or bias.ndim != 1:
            yield Finding(node.name, "has a bias that is no float32 list", "Store it as one")


def float_depthwise(_: onnx.ModelProto, wiring: OnnxGraph) -> Iterator[Finding]:
    """Some quantized depthwise convolutions have no implementation in 8.5 (TensorRT issue 3385)."""
    for node in wiring.of_type("Conv"):
        source = wiring.producer(node.input[1])
        if source is None or source.op_type != "DequantizeLinear":
            continue
        if attribute(node, "group", 1) != 1 and _root_shape(wiring, source)[1:2] == (1,):
            yield Finding(node.name, "is a quantized depthwise convolution", "Keep it float")


def both_operands(_: onnx.ModelProto, wiring: OnnxGraph) -> Iterator[Finding]:
    """INT8 weights without INT8 inputs, or the reverse, run as float with conversions around."""
    for node in wiring.of_type(*_WEIGHTED):
        quantized = [
            source is not None and source.op_type == "DequantizeLinear"
            for source in (wiring.producer(tensor) for tensor in node.input[:2])
        ]
        if any(quantized) and not all(quantized):
            yield Finding(node.name, "has one quantized operand", "Quantize both or neither")


def one_sided_additions(_: onnx.ModelProto, wiring: OnnxGraph) -> Iterator[Finding]:
    """INT8 on both sides of an addition stops 8.5's builder (TensorRT issue 1574)."""
    for node in wiring.of_type("Add"):
        sources = [wiring.producer(tensor) for tensor in node.input]
        if all(source is not None and source.op_type == "DequantizeLinear" for source in sources):
            yield Finding(node.name, "is quantized on both sides", "Quantize its identity only")


def importable_resizes(_: onnx.ModelProto, wiring: OnnxGraph) -> Iterator[Finding]:
    """Linear or cubic over rows and columns, with a size known at import."""
    for node in wiring.of_type("Resize"):
        mode = attribute(node, "mode", b"nearest")
        if mode not in (b"linear", b"cubic", b"nearest"):
            yield Finding(node.name, f"has mode {mode!r}", "Use linear or cubic")
        if all(wiring.constant(tensor) is None for tensor in node.input[2:] if tensor):
            yield Finding(node.name, "has a computed size", "Store sizes or scales")
        if attribute(node, "antialias", 0):
            yield Finding(node.name, "antialiases", "Interpolate without")


def labels_through_float(_: onnx.ModelProto, wiring: OnnxGraph) -> Iterator[Finding]:
    """8.5 casts to UINT8 from floats alone, and knows ArgMax that takes the first of equals."""
    integers = ("ArgMax", "TopK", "Shape", "Gather")
    for node in wiring.of_type("Cast"):
        source = wiring.producer(node.input[0])
        whole = source is not None and source.op_type in integers
        if whole and attribute(node, "to") == TensorProto.UINT8:
            yield Finding(node.name, "casts integers to UINT8", "Cast them to float first")
    for node in wiring.of_type("ArgMax"):
        if attribute(node, "select_last_index", 0):
            yield Finding(node.name, "takes the last of equals", "Take the first")


def known_types(model: onnx.ModelProto, _: OnnxGraph) -> Iterator[Finding]:
    """Doubles and long integers are cut down in silence; other types are refused."""
    allowed = (TensorProto.FLOAT, TensorProto.FLOAT16, TensorProto.INT8, TensorProto.INT64)
    for tensor in model.graph.initializer:
        if tensor.data_type not in allowed:
            kind = TensorProto.DataType.Name(tensor.data_type)
            yield Finding(tensor.name, f"is stored as {kind}", "Store float32, INT8 or INT64")


CHECKS: Tuple[Check, ...] = (
    old_enough_versions,
    known_operators,
    static_shapes,
    three_inputs,
    int8_zero_points,
    positive_constant_scales,
    per_channel_weights_only,
    float_biases,
    float_depthwise,
    both_operands,
    one_sided_additions,
    importable_resizes,
    labels_through_float,
    known_types,
)
