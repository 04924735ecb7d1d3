"""The step that makes an engine folder of a trained network, in every precision of the study."""

from __future__ import annotations

import os
from pathlib import Path
from typing import List, Optional, Tuple

from runtime.builder.card import card_of
from runtime.builder.checkpoint import load_checkpoint
from runtime.builder.data.dataset import SegmentationDataset
from runtime.builder.data.layouts import open_dataset
from runtime.builder.engine import recipe as engine_recipe
from runtime.builder.engine.assemble_manifest import ARTEFACTS
from runtime.builder.engine.build_steps import build_engine
from runtime.builder.engine.calibration_set import images_in
from runtime.builder.engine.resolve import ResolvedBuild
from runtime.experiments.study.recipe import CalibrationChoice
from runtime.experiments.study.step import Job, Made
from runtime.files.atomic import write_whole
from runtime.repository.engine_folder import CANARY_IMAGE, CANARY_LABELS, RECIPE_NAME
from runtime.repository.manifest import MANIFEST_NAME, Precision

ENGINE = "engine"
IMAGES = "pictures"
LONGEST_NAME = 64
# A study records what quantization loses; it does not end because of it.
NO_GATE = engine_recipe.Gate(max_drop=100, max_class_drop=100)


def engine_file(precision: Precision) -> str:
    """Path of a build within the step's folder."""
    return f"{ENGINE}/{ARTEFACTS[precision]}"


def engine(job: Job, folder: Path) -> Made:
    """Exports, calibrates and quantizes; what a killed attempt did in the folder is not repeated.

    Raises:
        RuntimeFault: as `build_engine`.
    """
    precisions: Tuple[Precision, ...] = tuple(job.parameters["precisions"])
    images: Tuple[Path, ...] = ()
    calibration: Optional[CalibrationChoice] = None
    if "int8" in precisions:
        calibration = CalibrationChoice.model_validate(job.how["calibration"])
        chosen = calibration.of(open_dataset(Path(job.how["dataset"])))
        images = _link_images(chosen, folder / IMAGES)
    build = _resolved_build(job, folder / ENGINE, precisions, calibration, images)
    write_whole(build.out / RECIPE_NAME, engine_recipe.recipe_text(build.recipe).encode())
    build_engine(build)
    outputs = [engine_file(precision) for precision in precisions]
    outputs += [f"{ENGINE}/{name}" for name in (RECIPE_NAME, MANIFEST_NAME)]
    if build.canary is not None:
        outputs += [f"{ENGINE}/{name}" for name in (CANARY_IMAGE, CANARY_LABELS)]
    return tuple(outputs), {}


def _resolved_build(
    job: Job,
    out: Path,
    precisions: Tuple[Precision, ...],
    calibration: Optional[CalibrationChoice],
    images: Tuple[Path, ...],
) -> ResolvedBuild:
    checkpoint = load_checkpoint(job.inputs["checkpoint"])
    card = card_of(checkpoint)
    chosen = None
    if calibration is not None:
        chosen = engine_recipe.CalibrationChoice(
            name=calibration.name,
            folder=f"../{IMAGES}",
            count=calibration.count,
            rule=calibration.rule,
        )
    return ResolvedBuild(
        recipe=engine_recipe.Recipe(
            name=job.parameters["name"][:LONGEST_NAME],
            checkpoint=os.path.relpath(job.inputs["checkpoint"], out.resolve()),
            precisions=precisions,
            calibration=chosen,
            gate=NO_GATE,
        ),
        out=out,
        checkpoint=checkpoint,
        classes=card.classes.to_classes(),
        input=card.input,
        precisions=precisions,
        calibration_images=images,
        evaluation_sets=(),
        canary=images[0] if images else None,
    )


def _link_images(chosen: SegmentationDataset, folder: Path) -> Tuple[Path, ...]:
    """A folder of links to the images, so that the engine's own recipe can name them."""
    folder.mkdir(exist_ok=True)
    expected: List[str] = []
    for sample in chosen.samples:
        link = folder / f"{sample.split}-{sample.image.name}"
        expected.append(link.name)
        if not link.is_symlink():
            link.symlink_to(sample.image.resolve())
    for stale in {path.name for path in folder.iterdir()} - set(expected):
        (folder / stale).unlink()
    return images_in(folder)
