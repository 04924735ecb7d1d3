from __future__ import annotations

from io import StringIO
from typing import Any, Optional

from rich.console import Console

from runtime.builder.engine.summary import evidence_table, plan_report, rule_choice_of, rule_table
from runtime.builder.quantization.rules import RuleChoice, RuleScore
from runtime.repository.manifest import Build, Evidence, ModelCard, Precision
from tests.engines import fake_build, small_manifest


def evidence(miou: float, seen: bool, reference: Optional[float] = None) -> Evidence:
    return Evidence(
        dataset="street",
        split="val",
        seen_in_training=seen,
        images=40,
        miou=miou,
        iou={},
        reference_miou=reference,
        agreement=None if reference is None else 0.991,
    )


def build(precision: Precision, *measured: Evidence) -> Build:
    said = {"precision": precision, "backend": "openvino", "size": 12_300_000}
    return fake_build().model_copy(update={**said, "evidence": list(measured)})


def shown(*builds: Build) -> str:
    model = ModelCard(family="t", architecture={}, parameters=12_056_275, macs=20_000_000_000)
    manifest = small_manifest().model_copy(update={"model": model, "builds": list(builds)})
    text = StringIO()
    Console(file=text, width=120).print(evidence_table(manifest))
    return text.getvalue()


def test_every_build_is_shown_against_fp32() -> None:
    text = shown(build("fp32", evidence(0.52, False)), build("int8", evidence(0.518, False, 0.52)))
    assert "12,056,275 parameters, 20.00 GMACs" in text
    row = next(line for line in text.splitlines() if "int8" in line)
    cells = [cell.strip() for cell in row.strip("│").split("│")]
    assert cells == ["int8 openvino", "12.3", "street val", "40", "51.80", "-0.20", "99.10%"]


def test_figures_on_training_images_are_called_so() -> None:
    assert "street val (seen in training)" in shown(build("fp32", evidence(0.9, True)))


def test_a_plan_shows_its_portable_twins_figures_and_says_whose_they_are() -> None:
    gpu = {"backend": "tensorrt", "compute_capability": "7.2", "device": "Xavier"}
    plan = build("int8").model_copy(
        update={**gpu, "portable_evidence": [evidence(0.518, False, 0.52)]}
    )
    text = shown(plan)
    assert "int8 tensorrt Xavier" in text
    assert "street val (its portable twin)" in text
    any_gpu = {"device": None, "compute_capability": "8.9", "backend": "tensorrt_rtx"}
    assert "int8 tensorrt_rtx sm 8.9" in shown(plan.model_copy(update=any_gpu))


def test_a_build_that_was_not_measured_says_so() -> None:
    assert "nothing" in shown(build("fp32"))


def test_the_rules_are_compared_on_images_that_have_a_name() -> None:
    score = RuleScore(miou=0.52, agreement=0.99, sqnr_db=21.5, behind=0.001, noise=0.002)
    choice = RuleChoice(
        rule="mse",
        reason="it has the best mIoU",
        pictures="street val",
        images=40,
        reference_miou=0.525,
        scores={"mse": score, "max": score.model_copy(update={"noise": None})},
    )
    table = rule_table(choice)
    assert table.title == "threshold rules on 40 of street val"
    assert table.caption == "mse: it has the best mIoU"
    assert list(table.columns[0].cells) == ["mse *", "max"]
    assert list(table.columns[2].cells) == ["-0.500", "-0.500"]
    settings = {"threshold_rules": choice.model_dump(mode="json")}
    measured = build("int8").model_copy(update={"settings": settings})
    assert rule_choice_of(small_manifest().model_copy(update={"builds": [measured]})) == choice
    assert rule_choice_of(small_manifest().model_copy(update={"builds": [build("int8")]})) is None


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
