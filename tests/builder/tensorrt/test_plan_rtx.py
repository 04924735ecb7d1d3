"""Real plans: TensorRT-RTX parses and builds without a GPU what the project's builder wrote.

What it accepts proves nothing of TensorRT 8.5, which is stricter; for that there is the linter.
"""

from __future__ import annotations

import gzip
import itertools
import json
from pathlib import Path
from typing import Any, Dict, List, Set, Tuple

import pytest

from runtime.builder.tensorrt.network import ANY, layers_of
from runtime.builder.tensorrt.options import PlanOptions
from runtime.builder.tensorrt.plan import plan_from_onnx
from runtime.builder.tensorrt.progress import PARTS
from runtime.errors import BuildFailed
from runtime.inference.backends.tensorrt.api import TensorRT
from runtime.inference.backends.tensorrt.capabilities import capabilities_of
from runtime.inference.backends.tensorrt.library import tensorrt_module
from runtime.inference.backends.tensorrt.log import listening
from tests.inference.backends.tensorrt.tensorrt_names import protocols, unguarded

DATA = Path(__file__).parent.parent.parent / "data/tensorrt"
CASES: List[Dict[str, str]] = json.loads((DATA / "cases.json").read_text(encoding="utf-8"))
HEIGHT, WIDTH = 256, 512
SMALL = "resnet18-single-8-aligned-fp32.onnx.gz"
ACTIVATIONS = {"fp32": {"FLOAT"}, "fp16": {"FLOAT", "HALF"}, "int8": {"FLOAT", "HALF", "INT8"}}


@pytest.fixture(scope="module")
def rtx() -> TensorRT:
    return tensorrt_module("tensorrt_rtx")


def graph(name: str) -> bytes:
    return gzip.decompress((DATA / name).read_bytes())


def test_the_cases_hold_every_pair_of_choices() -> None:
    factors = [sorted({case[factor] for case in CASES}) for factor in list(CASES[0])[:-1]]
    assert [len(choices) for choices in factors] == [3, 2, 2, 2, 3, 4]
    covered: Set[Tuple[str, str, str, str]] = set()
    for case in CASES:
        pairs = itertools.combinations(list(case.items())[:-1], 2)
        covered |= {(*first, *second) for first, second in pairs}
    names = list(CASES[0])[:-1]
    for (one, ones), (two, twos) in itertools.combinations(zip(names, factors), 2):
        wanted = {(one, a, two, b) for a, b in itertools.product(ones, twos)}
        assert wanted <= covered


@pytest.mark.rtx
@pytest.mark.parametrize(
    "case", CASES, ids=lambda case: f"{case['graph'].split('.')[0]}-sm{case['compute_capability']}"
)
def test_a_network_of_the_family_becomes_a_plan(rtx: TensorRT, case: Dict[str, str]) -> None:
    precision: Any = case["precision"]
    options = PlanOptions(precision, compute_capabilities=(case["compute_capability"],))
    plan = plan_from_onnx(graph(case["graph"]), options, rtx)
    assert len(plan.content) > 100_000
    assert set(plan.facts["types"]) == ACTIVATIONS[precision]
    rows, columns = (side // int(case["output_stride"]) for side in (HEIGHT, WIDTH))
    logits = {"shape": [1, 3, rows, columns], "dtype": "FLOAT"}
    assert plan.facts["outputs"] == {"logits": logits}
    assert plan.facts["notices"] == []


@pytest.mark.rtx
def test_it_knows_the_capabilities_of_its_own(rtx: TensorRT) -> None:
    capabilities = capabilities_of(rtx)
    assert capabilities.product.startswith("TensorRT-RTX 1.")
    assert capabilities.ahead_of_time
    assert capabilities.progress
    assert capabilities.typing() == "strong"
    assert not capabilities.weak_typing
    assert not capabilities.timing_cache


@pytest.mark.rtx
def test_it_has_every_name_that_no_switch_guards(rtx: TensorRT) -> None:
    missing = [f"{k}.{m}" for k, m in unguarded() if not hasattr(getattr(rtx, k, None), m)]
    assert missing == []
    assert [name for name in protocols()["TensorRT"] if not hasattr(rtx, name)] == []


@pytest.mark.rtx
@pytest.mark.parametrize(
    "row", ["unknown-operator", "mixed-types", "scale-not-positive", "zero-point", "integer-bias"]
)
def test_a_faulty_graph_is_explained_in_the_parsers_own_words(rtx: TensorRT, row: str) -> None:
    from runtime.inference.backends.tensorrt.known_messages import BUILDING

    (symptom,) = [symptom for symptom in BUILDING if symptom.name == row]
    with pytest.raises(BuildFailed) as raised:
        plan_from_onnx((DATA / f"broken-{row}.onnx").read_bytes(), PlanOptions("int8"), rtx)
    assert symptom.meaning in raised.value.problem
    assert raised.value.cure == symptom.cure


@pytest.mark.rtx
def test_the_same_graph_without_a_fault_is_built_and_its_fp32_rest_told(rtx: TensorRT) -> None:
    plan = plan_from_onnx((DATA / "sound.onnx").read_bytes(), PlanOptions("int8"), rtx)
    assert plan.facts["types"] == {"FLOAT": 3, "INT8": 1}
    assert "FP32" in plan.facts["notices"][0]


@pytest.mark.rtx
@pytest.mark.parametrize("content", [b"\xffjunk", graph(SMALL)[:5000]], ids=["junk", "cut"])
def test_what_is_no_onnx_is_called_so(rtx: TensorRT, content: bytes) -> None:
    with pytest.raises(BuildFailed, match="not ONNX, or was cut short"):
        plan_from_onnx(content, PlanOptions(), rtx)


@pytest.mark.rtx
def test_a_closed_resize_would_keep_one_image_and_the_opened_one_follows(rtx: TensorRT) -> None:
    with listening(rtx) as (logger, _):
        network = rtx.Builder(logger).create_network(0)
        parser = rtx.OnnxParser(network, logger)
        assert parser.parse(graph(SMALL))
        network.get_input(0).shape = (ANY, 3, HEIGHT, WIDTH)
        resizes = [layer for layer in layers_of(network) if layer.type.name == "RESIZE"]
        assert {next(iter(layer.get_output(0).shape)) for layer in resizes} == {1}
    plan = plan_from_onnx(graph(SMALL), PlanOptions(batch=(1, 2, 4)), rtx)
    assert plan.facts["inputs"]["image"]["shape"] == [ANY, 3, HEIGHT, WIDTH]
    assert plan.facts["outputs"]["logits"]["shape"] == [ANY, 3, HEIGHT // 8, WIDTH // 8]


@pytest.mark.rtx
def test_the_architectures_reach_the_builder_which_needs_more_for_the_older(rtx: TensorRT) -> None:
    def size(*capabilities: str) -> int:
        options = PlanOptions("int8", compute_capabilities=capabilities)
        onnx = (DATA / "sound.onnx").read_bytes()
        return len(plan_from_onnx(onnx, options, rtx).content)

    newer, older, both = size("12.0"), size("7.5"), size("7.5", "12.0")
    assert both >= older > 1.2 * newer


@pytest.mark.rtx
def test_an_architecture_it_cannot_build_for_is_refused_with_those_it_can(rtx: TensorRT) -> None:
    with pytest.raises(BuildFailed, match=r"capability 7\.2.*7\.5, 8\.0, 8\.6, 8\.9, 12\.0"):
        plan_from_onnx(graph(SMALL), PlanOptions(compute_capabilities=("7.2",)), rtx)


@pytest.mark.rtx
def test_matrices_in_fp32_are_for_later_architectures_than_turing(rtx: TensorRT) -> None:
    averaging = (DATA / "averaging.onnx").read_bytes()
    assert plan_from_onnx(averaging, PlanOptions(compute_capabilities=("8.6",)), rtx).content
    with pytest.raises(BuildFailed, match="multiplies no FP32 matrices"):
        plan_from_onnx(averaging, PlanOptions(compute_capabilities=("7.5",)), rtx)


@pytest.mark.rtx
def test_progress_comes_from_the_builder_and_an_interrupt_stops_it(rtx: TensorRT) -> None:
    told: List[int] = []
    options = PlanOptions(compute_capabilities=("8.6",))
    plan_from_onnx(graph(SMALL), options, rtx, lambda: told.append(1))
    assert PARTS / 2 < len(told) <= PARTS

    def interrupt() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        plan_from_onnx(graph(SMALL), options, rtx, interrupt)


@pytest.mark.rtx
def test_without_a_gpu_a_plan_cannot_be_loaded_so_its_layers_stay_unknown(rtx: TensorRT) -> None:
    onnx = (DATA / "sound.onnx").read_bytes()
    plan = plan_from_onnx(onnx, PlanOptions("int8"), rtx)
    if plan.facts["inspection"] is not None:
        pytest.skip("a GPU is here that loads it")
    with listening(rtx) as (logger, tail):
        assert rtx.Runtime(logger).deserialize_cuda_engine(plan.content) is None
    assert any("cudaError" in problem for problem in tail.problems)
    with pytest.raises(BuildFailed, match="cannot be loaded here"):
        plan_from_onnx(onnx, PlanOptions("int8", require_int8=True), rtx)


@pytest.mark.rtx
def test_the_reason_is_heard_though_another_logger_came_first(rtx: Any) -> None:
    others = rtx.Logger(rtx.Logger.ERROR)
    runtime = rtx.Runtime(others)
    with pytest.raises(BuildFailed, match="no graph with outputs"):
        plan_from_onnx(b"", PlanOptions(), rtx)
    assert runtime is not None
