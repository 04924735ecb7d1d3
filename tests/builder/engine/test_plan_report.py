from __future__ import annotations

from typing import Any

from runtime.builder.engine.plan_report import plan_report
from runtime.repository.manifest import Build
from tests.engines import fake_build

INSPECTION = {
    "layers": 40,
    "reformats": 3,
    "on_dla": 0,
    "fused": 30,
    "convolutions": {"fp16": 1, "int8": 29},
    "not_int8": {"conv2": "fp16"},
    "untraced": [],
}


def plan(**settings: Any) -> Build:
    facts = {"typing": "weak", "onnx": "model.int8.onnx", "inspection": None, **settings}
    gpu = {"device": "Xavier", "compute_capability": "7.2", "settings": facts}
    return fake_build().model_copy(update={**gpu, "artefact": "int8.plan", "precision": "int8"})


def test_a_portable_build_has_no_report() -> None:
    assert plan_report(fake_build()) == []


def test_a_plan_tells_what_it_is_made_of() -> None:
    lines = plan_report(plan(inspection=INSPECTION, notices=["memory is short"]))
    assert lines == [
        "int8.plan: int8 for Xavier, weakly typed, from model.int8.onnx",
        "  40 layers, 30 of them fused, 3 conversions; convolutions: 1 fp16, 29 int8",
        "  quantized, but not computed in INT8: conv2 (fp16)",
        "  note: memory is short",
    ]


def test_a_plan_that_nobody_could_load_says_so() -> None:
    assert "not known" in plan_report(plan())[1]


def test_a_dla_shows_its_placement_and_long_lists_are_cut() -> None:
    names = [f"layer{number}" for number in range(10)]
    placement = {"dla": ["a", "b"], "gpu": names}
    lines = plan_report(plan(dla_core=1, placement=placement, without_range=["logits"]))
    assert lines[2] == "  DLA 1 is to run 2 layers, the GPU the others"
    assert lines[3].startswith("  on the GPU: layer0, layer1")
    assert lines[3].endswith("and 2 more")
    assert lines[4] == "  in FP16 for want of a range: logits"
