"""Plans on every supported TensorRT, whose documented API a fake keeps to name by name."""

from __future__ import annotations

import json
from typing import Any, List

import pytest

from runtime.builder.tensorrt.options import PlanOptions
from runtime.builder.tensorrt.plan import plan_from_onnx
from runtime.builder.tensorrt.progress import PARTS
from runtime.errors import BuildFailed, InvalidConfig
from runtime.inference.backends.tensorrt.library import tensorrt_module
from tests.inference.backends.tensorrt.fake_tensorrt import RELEASES, FakeTensorRT, Script

WEAK, STRONG = ("8.5", "8.6"), ("10.3", "10.13", "11.0", "11.1")


def graph(*layers: str, dtype: str = "FLOAT") -> bytes:
    return json.dumps({"layers": [(layer, dtype) for layer in layers]}).encode()


FLOAT = graph("CONVOLUTION", "ACTIVATION")
HALF = graph("CONVOLUTION", "ACTIVATION", dtype="HALF")
QUANTIZED = graph("QUANTIZE", "DEQUANTIZE", "CONVOLUTION")
QUANTIZED_HALF = graph("QUANTIZE", "DEQUANTIZE", "CONVOLUTION", dtype="HALF")


@pytest.mark.parametrize("release", WEAK)
@pytest.mark.parametrize(
    ("precision", "onnx", "flags"),
    [
        ("fp32", FLOAT, ["TF32"]),
        ("fp16", FLOAT, ["FP16", "TF32"]),
        ("int8", QUANTIZED, ["FP16", "INT8", "TF32"]),
    ],
)
def test_tensorrt_8_takes_the_float_master_and_flags(
    release: str, precision: Any, onnx: bytes, flags: List[str]
) -> None:
    trt: Any = FakeTensorRT(release)
    plan = plan_from_onnx(onnx, PlanOptions(precision), trt)
    assert plan.content == b"a plan"
    assert plan.facts["typing"] == "weak"
    assert plan.facts["builder_flags"] == flags
    assert plan.facts["network_flags"] == trt.named_flags == ["EXPLICIT_BATCH"]


@pytest.mark.parametrize("release", STRONG)
@pytest.mark.parametrize(
    ("precision", "onnx", "types"),
    [
        ("fp32", FLOAT, {"FLOAT": 2}),
        ("fp16", HALF, {"HALF": 2}),
        ("int8", QUANTIZED_HALF, {"HALF": 3}),
    ],
)
def test_later_ones_take_the_precision_from_the_graph(
    release: str, precision: Any, onnx: bytes, types: Any
) -> None:
    trt: Any = FakeTensorRT(release)
    plan = plan_from_onnx(onnx, PlanOptions(precision), trt)
    assert plan.facts["typing"] == "strong"
    assert plan.facts["builder_flags"] == ["TF32"]
    assert "STRONGLY_TYPED" in trt.named_flags
    assert plan.facts["types"] == types
    assert plan.facts["notices"] == []


def test_weak_typing_can_be_had_where_both_exist() -> None:
    trt: Any = FakeTensorRT("10.3")
    plan = plan_from_onnx(QUANTIZED, PlanOptions("int8", typing="weak"), trt)
    assert plan.facts["builder_flags"] == ["FP16", "INT8", "TF32"]
    assert "STRONGLY_TYPED" not in trt.named_flags


@pytest.mark.parametrize(("release", "typing"), [("8.5", "strong"), ("11.1", "weak")])
def test_a_typing_that_a_release_lacks_is_refused(release: str, typing: Any) -> None:
    trt: Any = FakeTensorRT(release)
    with pytest.raises(BuildFailed, match=rf"TensorRT {release}.0.1 has no {typing} typing"):
        plan_from_onnx(FLOAT, PlanOptions(typing=typing), trt)


@pytest.mark.parametrize("release", RELEASES)
def test_facts_are_plain_and_name_inputs_and_outputs(release: str) -> None:
    trt: Any = FakeTensorRT(release)
    facts = plan_from_onnx(FLOAT, PlanOptions(workspace=1 << 28), trt).facts
    assert json.loads(json.dumps(facts)) == facts
    assert facts["inputs"] == {"image": {"shape": [1, 3, 64, 96], "dtype": "FLOAT"}}
    assert facts["version"] == f"{release}.0.1"
    assert facts["workspace"] == trt.config.workspace == 1 << 28
    assert trt.config.profiling_verbosity.name == "DETAILED"


@pytest.mark.parametrize(
    ("release", "precision", "onnx", "told"),
    [
        ("8.5", "int8", FLOAT, "has no quantizers"),
        ("8.5", "fp16", QUANTIZED, "has quantizers"),
        ("11.1", "fp16", FLOAT, "without FP16 tensors"),
        ("11.1", "fp32", HALF, "with FP16 tensors"),
    ],
)
def test_a_graph_of_another_precision_is_refused(
    release: str, precision: Any, onnx: bytes, told: str
) -> None:
    trt: Any = FakeTensorRT(release)
    with pytest.raises(BuildFailed, match=told):
        plan_from_onnx(onnx, PlanOptions(precision), trt)


def test_int8_between_fp32_is_built_and_told() -> None:
    trt: Any = FakeTensorRT("10.3")
    (notice,) = plan_from_onnx(QUANTIZED, PlanOptions("int8"), trt).facts["notices"]
    assert "FP32" in notice


@pytest.mark.parametrize("release", RELEASES)
def test_a_refused_file_quotes_the_parser(release: str) -> None:
    trt: Any = FakeTensorRT(release)
    with pytest.raises(BuildFailed, match="not ONNX, or was cut short") as raised:
        plan_from_onnx(b"<html>", PlanOptions(), trt)
    node = "node 7" if release in WEAK else "Conv conv7"
    assert f"{node}: Failed to parse the ONNX model." in raised.value.problem


def test_no_plan_means_a_fault_with_cause_tail_and_cure() -> None:
    says = (
        ("WARNING", "Tactic Device request: 900MB Available: 300MB. Device memory is short."),
        (
            "ERROR",
            "10: [optimizer.cpp] (Could not find any implementation for node conv1 + relu1.)",
        ),
    )
    trt: Any = FakeTensorRT("8.5", Script(says=says, builds=False))
    with pytest.raises(BuildFailed) as raised:
        plan_from_onnx(FLOAT, PlanOptions(), trt)
    fault = raised.value
    assert "no kernel computes conv1 + relu1 within" in fault.problem
    assert "some kernels were left out because memory is short" in fault.problem
    assert says[0][1] in fault.problem
    assert says[1][1] in fault.problem
    assert "larger workspace" in fault.cure
    assert "limit the workspace" in fault.cure


def test_a_failure_without_a_word_says_so() -> None:
    trt: Any = FakeTensorRT("8.6", Script(builds=False))
    with pytest.raises(BuildFailed, match="gave no reason"):
        plan_from_onnx(FLOAT, PlanOptions(), trt)


def test_without_a_gpu_the_driver_is_named_instead_of_a_null_pointer() -> None:
    trt: Any = FakeTensorRT("8.5", Script(starts=False))
    with pytest.raises(BuildFailed, match="CUDA finds no GPU"):
        plan_from_onnx(FLOAT, PlanOptions(), trt)


def test_a_tensorrt_that_is_not_there_is_named_with_the_way_to_get_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "tensorrt", None)
    with pytest.raises(BuildFailed, match="--system-site-packages"):
        tensorrt_module()


def test_the_timing_cache_is_begun_continued_and_never_forced() -> None:
    first: Any = FakeTensorRT("8.5")
    begun = plan_from_onnx(FLOAT, PlanOptions(), first)
    assert (begun.facts["timing_cache"], begun.timing_cache) == ("new", b"+timings")
    own: Any = FakeTensorRT("8.5", Script(own_caches=(b"", b"+timings")))
    continued = plan_from_onnx(FLOAT, PlanOptions(timing_cache=b"+timings"), own)
    assert continued.facts["timing_cache"] == "continued"
    assert continued.timing_cache == b"+timings+timings"
    other: Any = FakeTensorRT("8.5")
    refused = plan_from_onnx(FLOAT, PlanOptions(timing_cache=b"from elsewhere"), other)
    assert (refused.facts["timing_cache"], refused.timing_cache) == ("refused", b"+timings")
    assert "a new one is begun" not in refused.facts["notices"]
    assert any("timing cache is of another" in notice for notice in refused.facts["notices"])


@pytest.mark.parametrize("release", RELEASES)
def test_an_open_batch_gets_a_profile_and_scales_instead_of_sizes(release: str) -> None:
    trt: Any = FakeTensorRT(release)
    plan = plan_from_onnx(graph("CONVOLUTION", "RESIZE"), PlanOptions(batch=(1, 4, 8)), trt)
    shapes = tuple((count, 3, 64, 96) for count in (1, 4, 8))
    assert trt.config.profiles == [{"image": shapes}]
    assert plan.facts["inputs"]["image"]["shape"] == [-1, 3, 64, 96]
    assert plan.facts["outputs"]["layer1"]["shape"] == [-1, 3, 16, 24]


@pytest.mark.parametrize("release", RELEASES)
def test_progress_reaches_its_end_once_where_it_is_told_at_all(release: str) -> None:
    trt: Any = FakeTensorRT(release)
    told: List[int] = []
    plan_from_onnx(FLOAT, PlanOptions(), trt, lambda: told.append(1))
    assert len(told) == (0 if release in WEAK else PARTS)


@pytest.mark.parametrize("reason", [ValueError("no more"), KeyboardInterrupt()])
def test_whoever_follows_a_build_can_stop_it(reason: BaseException) -> None:
    def stop() -> None:
        raise reason

    trt: Any = FakeTensorRT("10.13")
    with pytest.raises(type(reason)):
        plan_from_onnx(FLOAT, PlanOptions(), trt, stop)


def test_levels_and_other_gpus_are_refused_where_they_do_not_exist() -> None:
    trt: Any = FakeTensorRT("8.5")
    with pytest.raises(BuildFailed, match="has no optimization levels"):
        plan_from_onnx(FLOAT, PlanOptions(optimization_level=5), trt)
    with pytest.raises(BuildFailed, match="has no builds for other GPUs"):
        plan_from_onnx(FLOAT, PlanOptions(compute_capabilities=("8.6",)), trt)


@pytest.mark.parametrize(
    "wrong",
    [
        {"workspace": 1000},
        {"batch": (4, 2, 8)},
        {"batch": (0, 1, 1)},
        {"compute_capabilities": ("sm86",)},
        {"optimization_level": 6},
    ],
)
def test_options_refuse_to_exist_wrong(wrong: Any) -> None:
    with pytest.raises(InvalidConfig):
        PlanOptions(**wrong)
