from __future__ import annotations

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from runtime.builder.export.onnx_graph import Edge, OnnxGraph, attribute, module_of


def diamond() -> onnx.ModelProto:
    """image -> stem -> (left, right) -> sum, with a constant."""
    nodes = [
        helper.make_node("Relu", ["image"], ["stem"], name="stem"),
        helper.make_node("Relu", ["stem"], ["left_1"], name="left_1"),
        helper.make_node("LeakyRelu", ["left_1"], ["left_2"], name="left_2", alpha=0.5),
        helper.make_node("Mul", ["stem", "two"], ["right"], name="right"),
        helper.make_node("Add", ["left_2", "right"], ["sum"], name="sum"),
    ]
    value = helper.make_tensor_value_info
    graph = helper.make_graph(
        nodes,
        "diamond",
        [value("image", TensorProto.FLOAT, [2])],
        [value("sum", TensorProto.FLOAT, [2])],
        [numpy_helper.from_array(np.array([2, 2], np.float32), "two")],
    )
    return helper.make_model(graph)


def test_producers_and_readers() -> None:
    wiring = OnnxGraph(diamond())
    assert wiring.readers("stem") == [Edge("left_1", 0, "stem"), Edge("right", 0, "stem")]
    assert wiring.producer("image") is None
    assert not wiring.is_read_once("stem")
    assert wiring.is_read_once("left_1")
    assert not wiring.is_read_once("sum"), "the network's answer is seen from outside"


def test_constants() -> None:
    wiring = OnnxGraph(diamond())
    numbers = wiring.constant("two")
    assert numbers is not None
    assert numbers.tolist() == [2, 2]
    assert wiring.constant("stem") is None
    assert wiring.constant_shape("two") == (2,)


def test_depth_is_the_longest_way() -> None:
    wiring = OnnxGraph(diamond())
    assert [wiring.depth(t) for t in ("image", "stem", "right", "left_2", "sum")] == [0, 1, 2, 3, 4]


def test_dependence_follows_the_graph() -> None:
    wiring = OnnxGraph(diamond())
    assert wiring.depends_on("sum", "stem")
    assert wiring.depends_on("left_2", "left_2")
    assert not wiring.depends_on("left_2", "right")
    assert not wiring.depends_on("stem", "sum")


def test_attributes_and_module_names() -> None:
    wiring = OnnxGraph(diamond())
    (node,) = wiring.of_type("LeakyRelu")
    assert attribute(node, "alpha") == 0.5
    assert attribute(node, "axis", 1) == 1
    assert module_of("backbone.conv1@level2") == "backbone.conv1"
    assert module_of("logits.conv") == "logits.conv"
