"""A plan is loaded once after it was built, to see what became of the layers."""

from __future__ import annotations

import json
from typing import Any, Dict, List

import pytest

from runtime.builder.tensorrt.options import PlanOptions
from runtime.builder.tensorrt.plan import plan_from_onnx
from runtime.errors import BuildFailed
from tests.inference.backends.tensorrt.fake_tensorrt import RELEASES, FakeTensorRT, Script

GRAPH: List[Any] = [
    ["QUANTIZE", "FLOAT", "quantize", ["image"]],
    ["DEQUANTIZE", "FLOAT", "dequantize", ["quantize"]],
    ["CONVOLUTION", "FLOAT", "conv1", ["dequantize"]],
    ["CONVOLUTION", "FLOAT", "conv2", ["conv1"]],
]
ONNX = json.dumps({"layers": GRAPH}).encode()


def inspector_says(kind: str) -> str:
    """That the quantized convolution reads this type, and the other one FP32."""

    def layer(name: str, reads: str) -> Dict[str, Any]:
        inputs = [{"Name": "t", "Format/Datatype": reads}]
        return {"Name": name, "LayerType": "CaskConvolution", "Inputs": inputs}

    return json.dumps({"Layers": [layer("conv1 + relu1", kind), layer("conv2", "Float")]})


@pytest.mark.parametrize("release", RELEASES)
def test_the_facts_tell_which_quantized_convolution_computes_otherwise(release: str) -> None:
    trt: Any = FakeTensorRT(release, Script(layers=inspector_says("Half")))
    plan = plan_from_onnx(ONNX, PlanOptions("int8"), trt)
    assert plan.layers == inspector_says("Half")
    assert plan.facts["inspection"]["convolutions"] == {"fp16": 1, "fp32": 1}
    # The other convolution is float in the graph, and may be.
    assert plan.facts["inspection"]["not_int8"] == {"conv1": "fp16"}


def test_int8_can_be_required() -> None:
    options = PlanOptions("int8", require_int8=True)
    sound: Any = FakeTensorRT("8.5", Script(layers=inspector_says("Int8")))
    assert plan_from_onnx(ONNX, options, sound).content
    slow: Any = FakeTensorRT("8.5", Script(layers=inspector_says("Half")))
    with pytest.raises(BuildFailed, match="conv1 in fp16"):
        plan_from_onnx(ONNX, options, slow)


def test_a_plan_that_its_own_tensorrt_cannot_load_is_no_plan() -> None:
    trt: Any = FakeTensorRT("8.5", Script(loads=False))
    with pytest.raises(BuildFailed, match="cannot load the plan that it built"):
        plan_from_onnx(ONNX, PlanOptions("int8"), trt)
