"""The chain: checkpoint, export, calibrate, quantize, lint, evaluate, manifest, plans.

Each step is keyed by the content of all it depends on and skipped when that very step was done
before. The manifest is written last and at once, so a folder whose build was killed still holds
its former manifest or none: never one that vouches for something else.
"""

from __future__ import annotations

from pathlib import Path
from typing import Callable, Dict, Optional, Tuple

import numpy as np
import onnx

from runtime.builder.engine.accuracy import REFERENCE, AccuracyLost, require_accuracy
from runtime.builder.engine.accuracy_report import REPORT_NAME, explain_loss
from runtime.builder.engine.assemble_manifest import (
    ARTEFACTS,
    Findings,
    assemble_manifest,
    portable_builds,
)
from runtime.builder.engine.evaluate_builds import evaluate_builds, evaluation_key, evaluation_parts
from runtime.builder.engine.int8_plan import Int8Plan, Int8Planner, plain_options
from runtime.builder.engine.resolve import ResolvedBuild
from runtime.builder.export.argmax_output import with_labels_inside
from runtime.builder.export.export import onnx_from_model
from runtime.builder.export.fp16 import half_from_float
from runtime.builder.export.lint import require_importable
from runtime.builder.progress import Reporter, Silence
from runtime.builder.quantization.calibrate import (
    PASSES,
    RangeTable,
    calibration_images,
    ranges_from_images,
    table_from_file,
    table_text,
)
from runtime.builder.quantization.quantize import int8_from_float, with_corrected_biases
from runtime.builder.step_cache import StepCache, key_of
from runtime.builder.tensorrt.build_plans import build_plans
from runtime.builder.tensorrt.calibration_cache import cache_from_ranges
from runtime.errors import BuildFailed
from runtime.files.atomic import write_whole
from runtime.repository.engine_folder import (
    CALIBRATION_CACHE,
    CANARY_IMAGE,
    CANARY_LABELS,
    FLOAT_MODEL,
    HALF_MODEL,
    INT8_HALF_MODEL,
    INT8_MODEL,
    LABELS_MODELS,
    EngineFolder,
    sha256_of,
)
from runtime.repository.manifest import Build, EngineManifest, Precision, manifest_text

# A step whose code starts to give another result gets another number: nothing stale is kept.
REVISIONS = {"export": 1, "calibrate": 1, "quantize": 1, "half": 1, "labels": 1, "examine": 1}
CALIBRATION = "calibration"


def build_engine(resolved: ResolvedBuild, reporter: Optional[Reporter] = None) -> EngineManifest:
    """Builds what was resolved into its folder and returns the manifest written there.

    The float master is always made, as every other build is measured against it; it becomes a
    build of its own where it is asked for. Builds already in the folder stay if they are of the
    same network.

    Args:
        resolved: what to build of what, and where.
        reporter: hears of the steps; None tells nobody.

    Raises:
        BuildFailed: a step could not make its artefact, or a build loses too much accuracy.
        InvalidInput: an image is missing or broken.
    """
    return _Steps(resolved, reporter or Silence()).run()


def int8_planner(resolved: ResolvedBuild, reporter: Reporter) -> Tuple[Int8Planner, Int8Plan]:
    """Exports and calibrates as a build would, and no more: what studies of INT8 start from.

    Args:
        resolved: what to build of what, and where.
        reporter: hears of the steps.

    Raises:
        BuildFailed: one of the two steps could not be done.
        InvalidInput: an image is missing or broken.
    """
    return _Steps(resolved, reporter).plan_int8()


class _Steps:
    """The steps of one build, in their order."""

    def __init__(self, resolved: ResolvedBuild, reporter: Reporter) -> None:
        self._resolved = resolved
        self._reporter = reporter
        self._folder = EngineFolder(resolved.out)
        self._state = StepCache(resolved.out)
        self._planner = Int8Planner(resolved, self._state, reporter, self._float_model)

    def run(self) -> EngineManifest:
        resolved = self._resolved
        self._export()
        plan = self._plan() if "int8" in resolved.precisions else None
        if plan is not None:
            self._quantize(plan)
            self._halve("halve int8", INT8_MODEL, INT8_HALF_MODEL)
        if "fp16" in resolved.precisions:
            self._halve("half", FLOAT_MODEL, HALF_MODEL)
        if resolved.labels_inside:
            self._put_labels_inside()
        if resolved.calibration_cache and plan is not None:
            self._write_calibration_cache(plan)
        builds = portable_builds(resolved, plan)
        findings = self._evaluate(builds)
        self._require_accuracy(findings, plan)
        manifest = assemble_manifest(resolved, builds, findings)
        write_whole(self._folder.manifest_path, manifest_text(manifest).encode())
        if resolved.plans is None:
            return manifest
        return build_plans(
            EngineFolder(resolved.out), resolved.precisions, resolved.plans, self._reporter
        )

    def plan_int8(self) -> Tuple[Int8Planner, Int8Plan]:
        """The float master, the ranges and what is to be made of them; nothing else."""
        self._export()
        return self._planner, self._plan()

    def _plan(self) -> Int8Plan:
        return self._planner.plan(self._calibrate())

    def _export(self) -> None:
        resolved = self._resolved
        size = (resolved.input.height, resolved.input.width)
        key = key_of(REVISIONS["export"], resolved.checkpoint.sha256, size)

        def make() -> onnx.ModelProto:
            return onnx_from_model(resolved.checkpoint.model, *size)

        self._make_artefact("export", FLOAT_MODEL, key, make)

    def _calibrate(self) -> RangeTable:
        """Measures the ranges of this graph on these images, or reads them where that was done."""
        resolved, choice = self._resolved, self._resolved.recipe.calibration
        images = resolved.calibration_images
        if choice is None or not images:
            raise BuildFailed(
                "the build has no calibration images", "Name some in the recipe or with --calib"
            )
        graph = sha256_of(resolved.out / ARTEFACTS[REFERENCE])
        described = [image.model_dump() for image in calibration_images(images)]
        spec = resolved.input.model_dump(mode="json")
        key = key_of(REVISIONS["calibrate"], graph, described, spec)
        path = calibration_folder(resolved.out) / choice.name / f"ranges-{key[:16]}.json"
        if path.is_file():
            self._reporter.skipped("calibrate")
            return table_from_file(path)
        with self._reporter.step("calibrate", PASSES * len(images)) as advance:
            table = ranges_from_images(self._float_model(), images, resolved.input, advance)
            write_whole(path, table_text(table).encode())
        return table

    def _quantize(self, plan: Int8Plan) -> None:
        thresholds, options = plan.thresholds, plan.options
        corrected = self._resolved.recipe.quantization.bias_correction
        parts = [plan.table.graph_sha256, thresholds, plain_options(options)]
        parts += [self._planner.bias_images_sha256()] if corrected else []
        key = key_of(REVISIONS["quantize"], *parts)
        corrections: Dict[str, np.ndarray] = {}
        if corrected and not self._state.is_done("quantize", key):
            corrections = self._planner.corrections(plan)

        def make() -> onnx.ModelProto:
            twin = int8_from_float(self._float_model(), thresholds, options)
            return with_corrected_biases(twin, corrections)

        self._make_artefact("quantize", INT8_MODEL, key, make)

    def _halve(self, step: str, source: str, twin: str) -> None:
        """Makes the FP16 twin of a file, for strongly typed TensorRT."""
        path = self._resolved.out / source
        key = key_of(REVISIONS["half"], sha256_of(path))
        self._make_artefact(step, twin, key, lambda: half_from_float(onnx.load(str(path))))

    def _put_labels_inside(self) -> None:
        """Makes a twin of each float32 file that was asked for, which ends with labels."""
        for precision in self._resolved.precisions:
            if precision not in LABELS_MODELS:
                continue
            path = self._resolved.out / ARTEFACTS[precision]
            key = key_of(REVISIONS["labels"], sha256_of(path))

            def make(source: Path = path) -> onnx.ModelProto:
                return with_labels_inside(onnx.load(str(source)))

            self._make_artefact(f"labels {precision}", LABELS_MODELS[precision], key, make)

    def _write_calibration_cache(self, plan: Int8Plan) -> None:
        """Writes the ranges as TensorRT does; the names of tensors are those of the float file."""
        content = cache_from_ranges(plan.thresholds).encode("ascii")
        write_whole(self._resolved.out / CALIBRATION_CACHE, content)

    def _make_artefact(
        self, step: str, name: str, key: str, make: Callable[[], onnx.ModelProto]
    ) -> None:
        """Makes, lints and writes one ONNX file, unless it is there."""
        path = self._resolved.out / name
        if self._state.is_done(step, key):
            self._reporter.skipped(step)
            return
        with self._reporter.step(step):
            model = make()
            # FP16 graphs are for strongly typed TensorRT alone, whose parser has other rules.
            if name not in (HALF_MODEL, INT8_HALF_MODEL):
                require_importable(model)
            write_whole(path, model.SerializeToString())
            self._state.record(step, key, [path])

    def _evaluate(self, builds: Dict[Precision, Build]) -> Findings:
        """Measures every build and writes the canary, unless that was done before."""
        key = key_of(REVISIONS["examine"], evaluation_key(self._resolved, builds))
        if self._state.is_done("examine", key):
            self._reporter.skipped("examine")
            return Findings.model_validate(self._state.result("examine"))
        with self._reporter.step("examine", evaluation_parts(self._resolved)) as advance:
            findings = evaluate_builds(self._resolved, builds, advance)
        outputs = [self._resolved.out / name for name in (CANARY_IMAGE, CANARY_LABELS)]
        written = outputs if findings.minimum_agreement is not None else []
        self._state.record("examine", key, written, findings.model_dump(mode="json"))
        return findings

    def _require_accuracy(self, findings: Findings, plan: Optional[Int8Plan]) -> None:
        evidence, gate = findings.evidence, self._resolved.recipe.gate
        try:
            for precision in self._resolved.precisions:
                require_accuracy(precision, evidence[precision], evidence[REFERENCE], gate)
        except AccuracyLost as lost:
            if lost.precision != "int8" or plan is None:
                raise
            raise explain_loss(lost, self._resolved, plan, self._planner) from lost
        # The report on an earlier attempt that lost too much no longer holds.
        (self._resolved.out / REPORT_NAME).unlink(missing_ok=True)

    def _float_model(self) -> onnx.ModelProto:
        return onnx.load(str(self._resolved.out / ARTEFACTS[REFERENCE]))


def calibration_folder(out: Path) -> Path:
    """Where range tables are kept: beside `engines/`, or within an engine folder elsewhere."""
    engines = out.resolve().parent
    return engines.parent / CALIBRATION if engines.name == "engines" else out / CALIBRATION
