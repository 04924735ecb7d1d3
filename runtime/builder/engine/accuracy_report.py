"""Why an INT8 build lost too much: which classes fell, to which others, and which layers did it."""

from __future__ import annotations

import dataclasses
from typing import Dict, List, Optional, Sequence, Tuple

import numpy as np
from pydantic import BaseModel, ConfigDict

from runtime.builder.engine.accuracy import BLAMED, AccuracyLost, losses
from runtime.builder.engine.int8_plan import RULE_IMAGES, Int8Plan, Int8Planner
from runtime.builder.engine.resolve import ResolvedBuild
from runtime.builder.quantization.comparison import ComparisonSet
from runtime.errors import BuildFailed
from runtime.files.atomic import write_whole
from runtime.repository.engine_folder import EngineFolder
from runtime.repository.manifest import Evidence

REPORT_NAME = "accuracy-report.json"


class Exchange(BaseModel):
    """Labelled pixels that changed sides between FP32 and INT8, net of those that came back.

    Attributes:
        other: the class that took or gave most.
        pixels: how many, on the images looked at.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    other: str
    pixels: int


class FallenClass(BaseModel):
    """One class that lost.

    Attributes:
        name: of the class.
        fall: points of intersection over union on all images of the evaluation.
        lost_to: where its own pixels went; None if no class took any.
        took_from: whose pixels it was given wrongly; None if no class gave any.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    fall: float
    lost_to: Optional[Exchange] = None
    took_from: Optional[Exchange] = None

    def told(self) -> str:
        """Name, fall and the larger of the two reasons, in a few words."""
        lost, took = self.lost_to, self.took_from
        reason = ""
        if lost is not None and (took is None or lost.pixels >= took.pixels):
            reason = f" (now {lost.other})"
        elif took is not None:
            reason = f" (was {took.other})"
        return f"{self.name} {-self.fall:.2f}{reason}"


class AccuracyReport(BaseModel):
    """The whole account, as it is written beside the artefacts.

    Attributes:
        problem: what the gate said.
        pictures: what the recipe calls the evaluation.
        images: images whose pixels were followed; falls are of all of them.
        classes: by fall, the largest first.
        layers: those in INT8 by the noise each makes alone, the worst first, with the logits'
            SQNR in dB.
        command: builds again with the worst layers in float.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    problem: str
    pictures: str
    images: int
    classes: Tuple[FallenClass, ...]
    layers: Tuple[Tuple[str, float], ...]
    command: str


def explain_loss(
    lost: AccuracyLost, resolved: ResolvedBuild, plan: Int8Plan, planner: Int8Planner
) -> BuildFailed:
    """Looks for the culprits, writes the report, and gives the error that names the worst.

    Args:
        lost: what the gate found.
        resolved: the build.
        plan: of the INT8 graph.
        planner: measures layers, resuming what was measured before.
    """
    evaluation_set = resolved.evaluation_sets[lost.evaluation]
    images = ComparisonSet.of_dataset(evaluation_set.images, RULE_IMAGES)
    before, after = planner.confusions(images)
    # Of all layers, so that what was measured holds however many are kept.
    every = dataclasses.replace(plan, options=resolved.recipe.quantization.options())
    sensitivity = planner.sensitivity(every)
    ranked = [layer for layer in sensitivity.worst() if layer not in plan.options.keep_float]
    kept = resolved.recipe.quantization.keep_worst + BLAMED
    recipe = EngineFolder(resolved.out).recipe
    report = AccuracyReport(
        problem=lost.problem,
        pictures=evaluation_set.choice.name,
        images=len(images.paths),
        classes=fallen(lost.measured, lost.reference, before, after),
        layers=tuple((layer, sensitivity.alone[layer].sqnr_db) for layer in ranked),
        command=f"runtime build-engine --recipe {recipe} --int8 --keep-float {kept}",
    )
    path = resolved.out / REPORT_NAME
    write_whole(path, (report.model_dump_json(indent=1) + "\n").encode())
    classes = ", ".join(found.told() for found in report.classes[:BLAMED])
    layers = ", ".join(f"{layer} ({sqnr:.1f} dB)" for layer, sqnr in report.layers[:BLAMED])
    return BuildFailed(
        f"{lost.summary}; classes: {classes}; layers: {layers}",
        f"Keep the worst layers in float with `{report.command}`, calibrate on more images, "
        f"try `--rule auto`, or accept it with --max-drop; {path} has the whole account",
    )


def fallen(
    own: Evidence, full: Evidence, before: np.ndarray, after: np.ndarray
) -> Tuple[FallenClass, ...]:
    """The classes that lost, the largest fall first.

    Args:
        own: the INT8 build's evidence.
        full: FP32's on the same images.
        before: (classes, classes) FP32's counts of (truth, prediction) in the order of `iou`.
        after: INT8's, likewise.
    """
    names = list(full.iou)
    change = np.asarray(after, np.int64) - np.asarray(before, np.int64)
    falls: Dict[str, float] = {name: fall for name, fall in losses(own, full).items() if fall > 0}
    return tuple(
        FallenClass(
            name=name,
            fall=falls[name],
            lost_to=_exchange(names, change[names.index(name)], name),
            took_from=_exchange(names, change[:, names.index(name)], name),
        )
        for name in sorted(falls, key=lambda name: -falls[name])
    )


def _exchange(names: Sequence[str], gains: np.ndarray, own: str) -> Optional[Exchange]:
    others: List[int] = [index for index, name in enumerate(names) if name != own]
    most = max(others, key=lambda index: int(gains[index]))
    pixels = int(gains[most])
    return Exchange(other=names[most], pixels=pixels) if pixels > 0 else None
