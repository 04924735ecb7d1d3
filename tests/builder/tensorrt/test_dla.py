"""A DLA gets ranges instead of quantizers; all here is a fake of the documented API."""

from __future__ import annotations

import json
from typing import Any, List

import pytest

from runtime.builder.tensorrt.options import PlanOptions
from runtime.builder.tensorrt.plan import plan_from_onnx
from runtime.errors import BuildFailed, InvalidConfig
from tests.inference.backends.tensorrt.fake_tensorrt import FakeTensorRT, Script

# A residual block between a pooling layer and the logits.
BLOCK: List[Any] = [
    ["CONVOLUTION", "FLOAT", "stem", ["image"]],
    ["ACTIVATION", "FLOAT", "stem/relu", ["stem"]],
    ["POOLING", "FLOAT", "pooled", ["stem/relu"]],
    ["CONVOLUTION", "FLOAT", "conv", ["pooled"]],
    ["ELEMENTWISE", "FLOAT", "sum", ["conv", "pooled"]],
    ["ACTIVATION", "FLOAT", "sum/relu", ["sum"]],
    ["CONVOLUTION", "FLOAT", "logits", ["sum/relu"]],
]
ONNX = json.dumps({"layers": BLOCK}).encode()
RANGES = {"image": 2.5, "stem/relu": 4.0, "pooled": 3.0, "sum/relu": 6.0}
XAVIER = Script(dla_cores=2)


def built(trt: Any, **options: Any) -> Any:
    chosen = PlanOptions(**{"precision": "int8", "dla_core": 1, "ranges": RANGES, **options})
    return plan_from_onnx(ONNX, chosen, trt).facts


def ranges_of(trt: Any) -> Any:
    tensors = [trt.network.input, *(layer.tensor for layer in trt.network.layers)]
    return {tensor.name: tensor.range and tensor.range[1] for tensor in tensors}


def test_a_dla_is_chosen_by_flags_with_the_gpu_behind_it() -> None:
    trt: Any = FakeTensorRT("8.5", XAVIER)
    facts = built(trt)
    assert facts["builder_flags"] == ["FP16", "GPU_FALLBACK", "INT8", "TF32"]
    assert trt.config.default_device_type.name == "DLA"
    assert (trt.config.DLA_core, facts["dla_core"]) == (1, 1)


def test_every_tensor_gets_its_range_or_is_told_to_have_none() -> None:
    trt: Any = FakeTensorRT("8.5", XAVIER)
    facts = built(trt)
    assert ranges_of(trt) == {
        "image": 2.5,
        # What a rectifier cuts off needs no room.
        "stem": 6.0,
        # A DLA pools and adds with one scale on all sides, and the sum is the largest.
        "stem/relu": 6.0,
        "pooled": 6.0,
        "conv": 6.0,
        "sum": 6.0,
        "sum/relu": 6.0,
        "logits": None,
    }
    assert facts["without_range"] == ["logits"]
    assert trt.network.input.range == (-2.5, 2.5)


def test_the_placement_names_what_falls_back() -> None:
    trt: Any = FakeTensorRT("8.6", XAVIER)
    facts = built(trt)
    assert facts["placement"]["gpu"] == ["pooled", "sum"]
    assert len(facts["placement"]["dla"]) == 5
    assert json.loads(json.dumps(facts)) == facts


def test_fp16_needs_no_ranges() -> None:
    trt: Any = FakeTensorRT("10.3", XAVIER)
    facts = built(trt, precision="fp16", typing="weak")
    assert facts["builder_flags"] == ["FP16", "GPU_FALLBACK", "TF32"]
    assert set(ranges_of(trt).values()) == {None}


@pytest.mark.parametrize("release", ["8.5", "10.3"])
def test_a_machine_without_that_core_is_refused(release: str) -> None:
    trt: Any = FakeTensorRT(release, Script(dla_cores=1))
    with pytest.raises(
        BuildFailed, match=f"TensorRT {release}.0.1 has no DLA core 1 here; it has 1"
    ):
        built(trt, typing="weak")


@pytest.mark.parametrize("release", ["11.0", "11.1"])
def test_a_release_without_ranges_is_refused(release: str) -> None:
    trt: Any = FakeTensorRT(release, XAVIER)
    with pytest.raises(BuildFailed, match=f"TensorRT {release}.0.1 has no DLA that") as raised:
        built(trt)
    assert "8.5 to 10" in raised.value.cure


def test_quantizers_have_no_place_on_a_dla() -> None:
    trt: Any = FakeTensorRT("8.5", XAVIER)
    quantized = json.dumps({"layers": [["QUANTIZE", "FLOAT"], ["CONVOLUTION", "FLOAT"]]}).encode()
    with pytest.raises(BuildFailed, match="has quantizers"):
        plan_from_onnx(quantized, PlanOptions("int8", dla_core=0, ranges=RANGES), trt)


@pytest.mark.parametrize("wrong", [{"precision": "fp32"}, {"batch": (1, 2, 4)}])
def test_what_no_dla_computes_is_refused(wrong: Any) -> None:
    with pytest.raises(InvalidConfig, match="DLA"):
        PlanOptions(**{"precision": "fp16", "dla_core": 0, **wrong})
