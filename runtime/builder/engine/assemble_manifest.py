"""The manifest, put together from what the steps left behind."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Any, Dict, List, Optional, Tuple

import onnx
from pydantic import BaseModel, ConfigDict

from runtime import __version__
from runtime.builder.engine.accuracy import REFERENCE
from runtime.builder.engine.int8_plan import Int8Plan
from runtime.builder.engine.resolve import ResolvedBuild
from runtime.builder.quantization.calibrate import table_sha256
from runtime.builder.swiftnet.costs import cost_of
from runtime.device.machine import installed_backends
from runtime.errors import EngineRefused
from runtime.repository.engine_folder import (
    CALIBRATION_CACHE,
    CANARY_IMAGE,
    CANARY_LABELS,
    FLOAT_MODEL,
    HALF_MODEL,
    INT8_HALF_MODEL,
    INT8_MODEL,
    EngineFolder,
    sha256_of,
)
from runtime.repository.manifest import (
    BackendName,
    Build,
    Calibration,
    CanarySpec,
    ClassesSpec,
    EngineManifest,
    Evidence,
    ModelCard,
    OutputSpec,
    Precision,
    Provenance,
)

ARTEFACTS: Dict[Precision, str] = {"fp32": FLOAT_MODEL, "fp16": HALF_MODEL, "int8": INT8_MODEL}
BACKEND: BackendName = "openvino"


class Findings(BaseModel):
    """What evaluating all builds found out.

    Attributes:
        evidence: by precision, in the order of the recipe's evaluations.
        minimum_agreement: for the canary; None without one.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    evidence: Dict[str, List[Evidence]]
    minimum_agreement: Optional[float] = None


def portable_builds(resolved: ResolvedBuild, plan: Optional[Int8Plan]) -> Dict[Precision, Build]:
    """The ONNX files as builds without evidence, the reference always among them.

    Args:
        resolved: says which precisions, and where the files are.
        plan: of the INT8 graph; None without one.
    """
    wanted: Tuple[Precision, ...] = (REFERENCE, *resolved.precisions)
    return {precision: _portable_build(resolved, precision, plan) for precision in wanted}


def _portable_build(
    resolved: ResolvedBuild, precision: Precision, plan: Optional[Int8Plan]
) -> Build:
    path = resolved.out / ARTEFACTS[precision]
    sha256 = sha256_of(path)
    int8 = plan if precision == "int8" else None
    recipe = resolved.recipe.quantization.model_dump(mode="json")
    return Build(
        precision=precision,
        backend=BACKEND,
        artefact=path.name,
        sha256=sha256,
        size=path.stat().st_size,
        onnx_sha256=sha256,
        backend_version=installed_backends()[BACKEND],
        calibration=None if int8 is None else _calibration(resolved, int8),
        settings={} if int8 is None else int8.settings(recipe),
    )


def _calibration(resolved: ResolvedBuild, plan: Int8Plan) -> Optional[Calibration]:
    choice = resolved.recipe.calibration
    if choice is None:
        return None
    return Calibration(
        name=choice.name,
        images=len(plan.table.images),
        images_sha256=plan.table.images_sha256,
        ranges_sha256=table_sha256(plan.table),
        rule=plan.rule,
    )


def provisional_manifest(resolved: ResolvedBuild, builds: Dict[Precision, Build]) -> EngineManifest:
    """A manifest good enough to open the engines with, for measuring them.

    Args:
        resolved: network, classes and input.
        builds: by precision.
    """
    architecture = resolved.checkpoint.architecture
    cost = cost_of(architecture, resolved.input.height, resolved.input.width)
    return EngineManifest(
        name=resolved.recipe.name,
        model=ModelCard(
            family="swiftnet",
            architecture=architecture.to_dict(),
            parameters=cost.parameters,
            macs=cost.macs,
        ),
        classes=ClassesSpec.of(resolved.classes),
        input=resolved.input,
        output=_output(resolved),
        provenance=Provenance(
            created_at=datetime.now(timezone.utc).isoformat(timespec="seconds"),
            runtime_version=__version__,
            checkpoint_sha256=resolved.checkpoint.sha256,
            recipe_sha256=resolved.recipe.sha256,
        ),
        builds=list(builds.values()),
    )


def _output(resolved: ResolvedBuild) -> OutputSpec:
    graph = onnx.load(str(resolved.out / ARTEFACTS[REFERENCE]), load_external_data=False).graph
    dimensions = graph.output[0].type.tensor_type.shape.dim
    return OutputSpec(height=dimensions[2].dim_value, width=dimensions[3].dim_value)


def assemble_manifest(
    resolved: ResolvedBuild, builds: Dict[Precision, Build], findings: Findings
) -> EngineManifest:
    """The final manifest: builds asked for with their evidence, and former ones that still hold.

    Where it says nothing new it is the former manifest, date included.

    Args:
        resolved: network, classes, input and the precisions asked for.
        builds: by precision, without evidence.
        findings: the evidence, and what the canary demands.
    """
    asked = [
        builds[precision].model_copy(update={"evidence": findings.evidence[precision]})
        for precision in resolved.precisions
    ]
    former = _former_manifest(resolved)
    replaced = {build.artefact for build in asked}
    others = [] if former is None else [b for b in former.builds if b.artefact not in replaced]
    kept = [build for build in others if _follows_from_what_is_here(resolved, build)]
    canary = _canary(resolved, findings, former if kept else None)
    changes: Dict[str, Any] = {
        "builds": asked + kept,
        "canary": canary,
        "plan_sources": _plan_sources(resolved, former),
    }
    plain = provisional_manifest(resolved, builds).model_copy(update=changes).model_dump()
    fresh = EngineManifest.model_validate(plain)
    return former if former is not None and _says_the_same(former, fresh) else fresh


def _follows_from_what_is_here(resolved: ResolvedBuild, build: Build) -> bool:
    """Whether a former build is portable, or a plan of a file that is still the same."""
    if build.compute_capability is None:
        return True
    source = resolved.out / str(build.settings.get("onnx", FLOAT_MODEL))
    return source.is_file() and sha256_of(source) == build.onnx_sha256


def _plan_sources(resolved: ResolvedBuild, former: Optional[EngineManifest]) -> Dict[str, str]:
    """Files of the folder that plans are built from, whether or not they are builds themselves."""
    made = [FLOAT_MODEL]
    made += [INT8_HALF_MODEL] if "int8" in resolved.precisions else []
    made += [CALIBRATION_CACHE] if resolved.calibration_cache else []
    kept = {} if former is None else former.plan_sources
    return {**kept, **{name: sha256_of(resolved.out / name) for name in made}}


def _former_manifest(resolved: ResolvedBuild) -> Optional[EngineManifest]:
    """The folder's manifest, if it is of the same network and input."""
    try:
        former = EngineFolder(resolved.out).manifest
    except EngineRefused:
        # None, or one that nobody could use: it is being replaced.
        return None
    same_network = former.provenance.checkpoint_sha256 == resolved.checkpoint.sha256
    return former if same_network and former.input == resolved.input else None


def _says_the_same(former: EngineManifest, fresh: EngineManifest) -> bool:
    date = {"created_at": former.provenance.created_at}
    provenance = fresh.provenance.model_copy(update=date)
    return fresh.model_copy(update={"provenance": provenance}) == former


def _canary(
    resolved: ResolvedBuild, findings: Findings, former: Optional[EngineManifest]
) -> Optional[CanarySpec]:
    """The canary; builds of a former manifest that stay are to pass it too."""
    minimum = findings.minimum_agreement
    if minimum is None:
        return None
    if former is not None and former.canary is not None:
        minimum = min(minimum, former.canary.minimum_agreement)
    return CanarySpec(
        image=CANARY_IMAGE,
        image_sha256=sha256_of(resolved.out / CANARY_IMAGE),
        labels=CANARY_LABELS,
        labels_sha256=sha256_of(resolved.out / CANARY_LABELS),
        minimum_agreement=minimum,
    )
