"""The inspector's answers, as NVIDIA's manual shows them, in figures."""

from __future__ import annotations

import json
from typing import Any, Dict, List

import pytest

from runtime.builder.tensorrt.engine_inspector import inspection_from_json, inspection_from_lines
from runtime.errors import BuildFailed

WIDE_INT8 = "Thirty-two wide channel vectorized row major Int8 format."
LINEAR = "Row major linear FP32"


def tensor(name: str, words: str) -> Dict[str, Any]:
    return {
        "Name": name,
        "Location": "Device",
        "Dimensions": [1, 64, 8, 8],
        "Format/Datatype": words,
    }


def convolution(name: str, given: str, weights: str = "Int8", **more: Any) -> Dict[str, Any]:
    """A layer in the manual's form; that of TensorRT 8 where the tensors are told in words."""
    return {
        "Name": name,
        "LayerType": "CaskConvolution",
        "Inputs": [tensor("before", given)],
        "Outputs": [tensor("after", given)],
        "ParameterType": "Convolution",
        "Kernel": [3, 3],
        "Weights": {"Type": weights, "Count": 36864},
        "Bias": {"Type": "Float", "Count": 64},
        "Activation": "RELU",
        "TacticName": "sm80_xmma_fprop_implicit_gemm_interleaved_i8i8_i8i32_f32",
        **more,
    }


REFORMAT = {
    "Name": "Reformatting CopyNode for Input Tensor 0 to conv1",
    "LayerType": "Reformat",
    "Inputs": [tensor("image", LINEAR)],
    "Outputs": [tensor("copied", WIDE_INT8)],
    "ParameterType": "Reformat",
    "Origin": "REFORMAT",
}


def told(*layers: Dict[str, Any], interface: str = "Bindings") -> str:
    return json.dumps({"Layers": layers, interface: ["image", "logits"]})


@pytest.mark.parametrize("interface", ["Bindings", "I/O Tensors"])
def test_fusions_conversions_and_precisions_are_counted(interface: str) -> None:
    text = told(
        REFORMAT,
        convolution("conv1.weight + quantize + conv1 + relu1", WIDE_INT8),
        convolution("conv2", "Channel major FP16 format where channel % 8 == 0", "Half"),
        interface=interface,
    )
    summary = inspection_from_json(text).summary(["conv1", "conv2", "conv3"])
    assert summary == {
        "layers": 3,
        "reformats": 1,
        "on_dla": 0,
        "fused": 1,
        "convolutions": {"fp16": 1, "int8": 1},
        "not_int8": {"conv2": "fp16"},
        "untraced": ["conv3"],
    }


@pytest.mark.parametrize(
    ("words", "weights", "kind"),
    [
        (WIDE_INT8, "Int8", "int8"),
        ("Four wide channel vectorized row major Int8 format", "Int8", "int8"),
        ("Channel major FP16 format where channel % 4 == 0", "Half", "fp16"),
        (LINEAR, "Float", "fp32"),
        ("Half", "", "fp16"),
        ("Float", "", "fp32"),
        ("Int8", "", "int8"),
        ("BFloat16", "", "bf16"),
        ("N/A due to dynamic shapes", "Int8", "int8"),
        ("N/A due to dynamic shapes", "", "unknown"),
    ],
)
def test_a_type_is_found_in_the_words_of_every_release(words: str, weights: str, kind: str) -> None:
    (layer,) = inspection_from_json(told(convolution("conv", words, weights))).layers
    assert layer.computes_in == kind


def test_later_releases_name_the_onnx_nodes_in_metadata() -> None:
    metadata = "[ONNX Layer: conv1]\u001e[ONNX Layer: relu1]"
    fused = convolution("__myl_Conv_0x1", "Int8", Metadata=metadata)
    inspection = inspection_from_json(told(fused))
    assert inspection.summary(["conv1"])["untraced"] == []
    assert inspection.layers[0].origins[:2] == ("conv1", "relu1")


def test_what_runs_on_the_dla_is_counted() -> None:
    dla = {"Name": "{ForeignNode[conv1...relu9]}", "LayerType": "DLA"}
    assert inspection_from_json(told(dla, REFORMAT)).summary()["on_dla"] == 1


def test_a_quantized_convolution_that_computes_in_float_can_fail_the_build() -> None:
    inspection = inspection_from_json(
        told(convolution("conv1 + relu1", WIDE_INT8), convolution("conv2", "Half", "Half"))
    )
    inspection.require_int8(["conv1"])
    with pytest.raises(BuildFailed, match=r"1 convolutions .* conv2 in fp16"):
        inspection.require_int8(["conv1", "conv2"])


@pytest.mark.parametrize("text", ["", "null", '{"Layers": []}', '{"Layers": ["conv1 + relu1"]}'])
def test_names_alone_are_no_inspection(text: str) -> None:
    with pytest.raises(BuildFailed):
        inspection_from_json(text)


LINES = """
[I] Layers:
Layer(Reformat): Reformatting CopyNode for conv1, Tactic: 0x0000000000000000, image[Float(1,3,8,8)] -> copied[Int8(1,3,8,8)]
Layer(CaskConvolution): conv1 + relu1, Tactic: 0x5ba3dfeb9b0d1a3e, copied[Int8(1,3,8,8)] -> t[Int8(1,64,8,8)]
Layer(CaskConvolution): conv2 + sum, Tactic: 481, t (Half[1,64,8,8]), copied (Half[1,64,8,8]) -> logits (Half[1,64,8,8])
"""  # noqa: E501


def test_lines_tell_the_same_of_a_plan() -> None:
    inspection = inspection_from_lines(LINES)
    kinds: List[str] = [layer.computes_in for layer in inspection.layers]
    assert kinds == ["fp32", "int8", "fp16"]
    summary = inspection.summary(["conv1", "conv2"])
    assert summary["reformats"] == 1
    assert summary["not_int8"] == {"conv2": "fp16"}
    assert inspection.layers[2].inputs == ("fp16", "fp16")
    with pytest.raises(BuildFailed):
        inspection_from_lines("conv1 + relu1")
