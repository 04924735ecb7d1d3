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
from runtime.builder.engine.assemble_manifest import ARTEFACTS, Findings, assembled, portable_builds
from runtime.builder.engine.evaluate_builds import examined, trial_key, trial_parts
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


def build_engine(order: ResolvedBuild, reporter: Optional[Reporter] = None) -> EngineManifest:
    """Builds what is ordered into the order's folder and returns the manifest written there.

    The float master is always made, as every other build is measured against it; it becomes a
    build of its own where it is ordered. Builds already in the folder stay if they are of the same
    network.

    Raises:
        BuildFailed: a step could not make its artefact, or a build loses too much accuracy.
        InvalidInput: an image is missing or broken.
    """
    return _Chain(order, reporter or Silence()).run()


def int8_planner(order: ResolvedBuild, reporter: Reporter) -> Tuple[Int8Planner, Int8Plan]:
    """Exports and calibrates as a build would, and no more: what studies of INT8 start from.

    Raises:
        BuildFailed: one of the two steps could not be done.
        InvalidInput: an image is missing or broken.
    """
    return _Chain(order, reporter).planned()


class _Chain:
    """One build of one order."""

    def __init__(self, order: ResolvedBuild, reporter: Reporter) -> None:
        self._order = order
        self._reporter = reporter
        self._folder = EngineFolder(order.out)
        self._state = StepCache(order.out)
        self._planner = Int8Planner(order, self._state, reporter, self._float_model)

    def run(self) -> EngineManifest:
        order = self._order
        self._export()
        plan = self._planned() if "int8" in order.precisions else None
        if plan is not None:
            self._quantize(plan)
            self._halve("halve int8", INT8_MODEL, INT8_HALF_MODEL)
        if "fp16" in order.precisions:
            self._halve("half", FLOAT_MODEL, HALF_MODEL)
        if order.labels_inside:
            self._put_labels_inside()
        if order.calibration_cache and plan is not None:
            self._cache(plan)
        builds = portable_builds(order, plan)
        findings = self._examine(builds)
        self._require_accuracy(findings, plan)
        manifest = assembled(order, builds, findings)
        write_whole(self._folder.manifest_path, manifest_text(manifest).encode())
        if order.plans is None:
            return manifest
        return build_plans(EngineFolder(order.out), order.precisions, order.plans, self._reporter)

    def planned(self) -> Tuple[Int8Planner, Int8Plan]:
        """The float master, the ranges and what is to be made of them; nothing else."""
        self._export()
        return self._planner, self._planned()

    def _planned(self) -> Int8Plan:
        return self._planner.plan(self._calibrated())

    def _export(self) -> None:
        order = self._order
        size = (order.input.height, order.input.width)
        key = key_of(REVISIONS["export"], order.checkpoint.sha256, size)

        def make() -> onnx.ModelProto:
            return onnx_from_model(order.checkpoint.model, *size)

        self._artefact("export", FLOAT_MODEL, key, make)

    def _calibrated(self) -> RangeTable:
        """The ranges of this graph on these images, from the disk if they are there."""
        order, choice = self._order, self._order.recipe.calibration
        images = order.calibration_images
        if choice is None or not images:
            raise BuildFailed(
                "the order has no calibration images", "Name some in the recipe or with --calib"
            )
        graph = sha256_of(order.out / ARTEFACTS[REFERENCE])
        described = [image.model_dump() for image in calibration_images(images)]
        spec = order.input.model_dump(mode="json")
        key = key_of(REVISIONS["calibrate"], graph, described, spec)
        path = calibration_folder(order.out) / choice.name / f"ranges-{key[:16]}.json"
        if path.is_file():
            self._reporter.skipped("calibrate")
            return table_from_file(path)
        with self._reporter.step("calibrate", PASSES * len(images)) as advance:
            table = ranges_from_images(self._float_model(), images, order.input, advance)
            write_whole(path, table_text(table).encode())
        return table

    def _quantize(self, plan: Int8Plan) -> None:
        thresholds, options = plan.thresholds, plan.options
        corrected = self._order.recipe.quantization.bias_correction
        parts = [plan.table.graph_sha256, thresholds, plain_options(options)]
        parts += [self._planner.bias_images_sha256()] if corrected else []
        key = key_of(REVISIONS["quantize"], *parts)
        corrections: Dict[str, np.ndarray] = {}
        if corrected and not self._state.is_done("quantize", key):
            corrections = self._planner.corrections(plan)

        def make() -> onnx.ModelProto:
            twin = int8_from_float(self._float_model(), thresholds, options)
            return with_corrected_biases(twin, corrections)

        self._artefact("quantize", INT8_MODEL, key, make)

    def _halve(self, step: str, source: str, twin: str) -> None:
        """The FP16 twin of a file, for strongly typed TensorRT."""
        path = self._order.out / source
        key = key_of(REVISIONS["half"], sha256_of(path))
        self._artefact(step, twin, key, lambda: half_from_float(onnx.load(str(path))))

    def _put_labels_inside(self) -> None:
        """Of each float32 file that was ordered, one that ends with labels."""
        for precision in self._order.precisions:
            if precision not in LABELS_MODELS:
                continue
            path = self._order.out / ARTEFACTS[precision]
            key = key_of(REVISIONS["labels"], sha256_of(path))

            def make(source: Path = path) -> onnx.ModelProto:
                return with_labels_inside(onnx.load(str(source)))

            self._artefact(f"labels {precision}", LABELS_MODELS[precision], key, make)

    def _cache(self, plan: Int8Plan) -> None:
        """The ranges as TensorRT writes them; the names are those of the float file."""
        content = cache_from_ranges(plan.thresholds).encode("ascii")
        write_whole(self._order.out / CALIBRATION_CACHE, content)

    def _artefact(
        self, step: str, name: str, key: str, make: Callable[[], onnx.ModelProto]
    ) -> None:
        """Makes, lints and writes one ONNX file, unless it is there."""
        path = self._order.out / name
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

    def _examine(self, builds: Dict[Precision, Build]) -> Findings:
        """Evidence for every build, and the canary."""
        key = key_of(REVISIONS["examine"], trial_key(self._order, builds))
        if self._state.is_done("examine", key):
            self._reporter.skipped("examine")
            return Findings.model_validate(self._state.result("examine"))
        with self._reporter.step("examine", trial_parts(self._order)) as advance:
            findings = examined(self._order, builds, advance)
        outputs = [self._order.out / name for name in (CANARY_IMAGE, CANARY_LABELS)]
        written = outputs if findings.minimum_agreement is not None else []
        self._state.record("examine", key, written, findings.model_dump(mode="json"))
        return findings

    def _require_accuracy(self, findings: Findings, plan: Optional[Int8Plan]) -> None:
        evidence, gate = findings.evidence, self._order.recipe.gate
        try:
            for precision in self._order.precisions:
                require_accuracy(precision, evidence[precision], evidence[REFERENCE], gate)
        except AccuracyLost as lost:
            if lost.precision != "int8" or plan is None:
                raise
            raise explain_loss(lost, self._order, plan, self._planner) from lost
        # What an earlier attempt was explain_loss for no longer holds.
        (self._order.out / REPORT_NAME).unlink(missing_ok=True)

    def _float_model(self) -> onnx.ModelProto:
        return onnx.load(str(self._order.out / ARTEFACTS[REFERENCE]))


def calibration_folder(out: Path) -> Path:
    """Where range tables are kept: beside `engines/`, or within an engine folder elsewhere."""
    engines = out.resolve().parent
    return engines.parent / CALIBRATION if engines.name == "engines" else out / CALIBRATION
