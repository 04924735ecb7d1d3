from __future__ import annotations

from io import StringIO
from typing import Optional

from rich.console import Console

from runtime.builder.engine.summary import evidence_table
from runtime.builder.progress import ConsoleReporter
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


def test_steps_are_told_as_they_end_or_as_done_before() -> None:
    text = StringIO()
    reporter = ConsoleReporter(Console(file=text, width=80))
    with reporter.step("calibrate", parts=2) as advance:
        advance()
    reporter.skipped("export")
    assert "calibrate" in text.getvalue()
    assert "2/2" in text.getvalue()
    assert "done before" in text.getvalue().splitlines()[-1]
