"""Each rule is shown a file that breaks it and nothing else."""

from __future__ import annotations

from typing import Any, Callable, Dict, List, Optional, Sequence, Tuple

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from runtime.builder.export.lint import CHECKS, findings_of, require_importable
from runtime.errors import BuildFailed

Change = Callable[[onnx.ModelProto], None]
SCALES = np.array([0.1, 0.2], np.float32)


def value(name: str, shape: Sequence[int]) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)


def quantized_block() -> onnx.ModelProto:
    """A quantized convolution, a residual addition, and an interpolation; nothing to object to."""
    node = helper.make_node
    activation = ["image.scale", "zero"]
    nodes = [
        node("QuantizeLinear", ["image", *activation], ["q"], name="quantize"),
        node("DequantizeLinear", ["q", *activation], ["x"], name="dequantize"),
        node("DequantizeLinear", ["weight", "scales", "zeros"], ["w"], name="weights", axis=0),
        node("Conv", ["x", "w", "bias"], ["y"], name="conv", kernel_shape=[1, 1]),
        node("Add", ["y", "x"], ["sum"], name="add"),
        node("Resize", ["sum", "", "", "sizes"], ["logits"], name="resize", mode="linear"),
    ]
    constants: Dict[str, np.ndarray] = {
        "image.scale": np.float32(0.1),
        "zero": np.int8(0),
        "weight": np.ones((2, 2, 1, 1), np.int8),
        "scales": SCALES,
        "zeros": np.zeros(2, np.int8),
        "bias": np.zeros(2, np.float32),
        "sizes": np.array([1, 2, 8, 8], np.int64),
    }
    graph = helper.make_graph(
        nodes,
        "block",
        [value("image", [1, 2, 4, 4])],
        [value("logits", [1, 2, 8, 8])],
        [numpy_helper.from_array(np.asarray(c), name) for name, c in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
    model.ir_version = 8
    return model


def stores(name: str, numbers: np.ndarray) -> Change:
    def change(model: onnx.ModelProto) -> None:
        kept = [tensor for tensor in model.graph.initializer if tensor.name != name]
        del model.graph.initializer[:]
        model.graph.initializer.extend([*kept, numpy_helper.from_array(np.asarray(numbers), name)])

    return change


def rewires(node_name: str, inputs: List[str]) -> Change:
    def change(model: onnx.ModelProto) -> None:
        node = next(node for node in model.graph.node if node.name == node_name)
        del node.input[:]
        node.input.extend(inputs)

    return change


def sets(node_name: str, **attributes: object) -> Change:
    def change(model: onnx.ModelProto) -> None:
        node = next(node for node in model.graph.node if node.name == node_name)
        kept = [a for a in node.attribute if a.name not in attributes]
        del node.attribute[:]
        made = [helper.make_attribute(name, given) for name, given in attributes.items()]
        node.attribute.extend([*kept, *made])

    return change


def renames(node_name: str, operator: str) -> Change:
    def change(model: onnx.ModelProto) -> None:
        next(node for node in model.graph.node if node.name == node_name).op_type = operator

    return change


def dated(opset: int = 17, ir_version: int = 8, domain: str = "") -> Change:
    def change(model: onnx.ModelProto) -> None:
        model.opset_import[0].version = opset
        model.opset_import[0].domain = domain
        model.ir_version = ir_version

    return change


def dynamic(model: onnx.ModelProto) -> None:
    model.graph.input[0].type.tensor_type.shape.dim[2].dim_param = "height"


def depthwise(model: onnx.ModelProto) -> None:
    sets("conv", group=2)(model)
    stores("weight", np.ones((2, 1, 1, 1), np.int8))(model)


def quantizes_both_sides(model: onnx.ModelProto) -> None:
    pair = [
        helper.make_node(
            "QuantizeLinear", ["y", "image.scale", "zero"], ["yq"], name="other quantize"
        ),
        helper.make_node(
            "DequantizeLinear", ["yq", "image.scale", "zero"], ["yd"], name="other dequantize"
        ),
    ]
    rest = list(model.graph.node)
    del model.graph.node[:]
    model.graph.node.extend([*rest[:4], *pair, *rest[4:]])
    rewires("add", ["yd", "x"])(model)


def per_channel_activation(model: onnx.ModelProto) -> None:
    stores("image.scale", SCALES)(model)
    stores("zero", np.zeros(2, np.int8))(model)


def ends_with_labels(source: str, **attributes: Any) -> Change:
    def change(model: onnx.ModelProto) -> None:
        number, labels = TensorProto.FLOAT, TensorProto.UINT8
        model.graph.node.extend(
            [
                helper.make_node("ArgMax", ["logits"], ["index"], name="argmax", **attributes),
                helper.make_node("Cast", ["index"], ["number"], name="number", to=number),
                helper.make_node("Cast", [source], ["labels"], name="labels", to=labels),
            ]
        )

    return change


FAULTS: Dict[str, Tuple[Change, str]] = {
    "old_enough_versions: opset": (dated(opset=18), "opset 18"),
    "old_enough_versions: ir": (dated(ir_version=9), "IR version 9"),
    "old_enough_versions: domain": (dated(domain="com.microsoft"), "foreign operator set"),
    "known_operators": (renames("add", "LayerNormalization"), "8.5 lacks"),
    "static_shapes": (dynamic, "dynamic shape"),
    "three_inputs": (rewires("quantize", ["image", "image.scale"]), "no zero point"),
    "int8_zero_points: type": (stores("zero", np.uint8(0)), "uint8 zero points"),
    "int8_zero_points: value": (stores("zero", np.int8(3)), "not 0"),
    "int8_zero_points: count": (stores("zeros", np.int8(0)), "one zero point per scale"),
    "positive_constant_scales: zero": (
        stores("scales", np.array([0.1, 0], np.float32)),
        "not positive",
    ),
    "positive_constant_scales: half": (
        stores("scales", SCALES.astype(np.float16)),
        "float16 scales",
    ),
    "positive_constant_scales: computed": (
        rewires("dequantize", ["q", "y", "zero"]),
        "scale that is computed",
    ),
    "per_channel_weights_only: activation": (per_channel_activation, "scales for an activation"),
    "per_channel_weights_only: axis": (sets("weights", axis=1), "on axis 1"),
    "float_biases": (stores("bias", np.zeros(2, np.int32)), "no float32 list"),
    "float_depthwise": (depthwise, "depthwise"),
    "both_operands": (rewires("conv", ["image", "w", "bias"]), "one quantized operand"),
    "one_sided_additions": (quantizes_both_sides, "both sides"),
    "importable_resizes: mode": (sets("resize", mode="area"), "mode"),
    "importable_resizes: size": (rewires("resize", ["sum", "", "", "y"]), "computed size"),
    "importable_resizes: antialias": (sets("resize", antialias=1), "antialiases"),
    "labels_through_float: cast": (ends_with_labels("index"), "casts integers to UINT8"),
    "labels_through_float: ties": (
        ends_with_labels("number", select_last_index=1),
        "the last of equals",
    ),
    "known_types": (stores("sizes", np.zeros(4, np.float64)), "stored as DOUBLE"),
}


def broken(change: Optional[Change]) -> onnx.ModelProto:
    model = quantized_block()
    if change is not None:
        change(model)
    return model


def test_a_sound_file_has_no_findings() -> None:
    assert findings_of(broken(None)) == []
    require_importable(broken(None))
    require_importable(broken(ends_with_labels("number")))


@pytest.mark.parametrize("fault", FAULTS)
def test_a_planted_fault_is_found_and_explained(fault: str) -> None:
    change, told = FAULTS[fault]
    problems = [finding.problem for finding in findings_of(broken(change))]
    assert any(told in problem for problem in problems), problems


def test_every_rule_has_a_planted_fault() -> None:
    assert {fault.split(":")[0] for fault in FAULTS} == {check.__name__ for check in CHECKS}


def test_a_build_stops_with_place_problem_and_cure() -> None:
    with pytest.raises(BuildFailed) as refused:
        require_importable(broken(FAULTS["three_inputs"][0]))
    assert "quantize: has no zero point. Give it an INT8 zero point of 0" in refused.value.problem
