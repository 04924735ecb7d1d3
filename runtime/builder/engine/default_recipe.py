"""A recipe for those who have none: derived from a checkpoint and a folder of images."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import List, Optional, Tuple

from runtime.builder.card import TrainingCard
from runtime.builder.data.dataset import SegmentationDataset
from runtime.builder.engine.recipe import CalibrationChoice, EvaluationChoice, Recipe

_DEFAULT_NAME = "engine"
# dataset.json lies at most two folders above the images of a split.
_ASCENT = 3


def name_from(path: Path) -> str:
    """An engine's or a calibration set's name from a file's or folder's."""
    name = re.sub(r"[^a-z0-9._-]+", "-", path.stem.lower()).strip("-._")
    return name[:64] or _DEFAULT_NAME


def recipe_from_paths(checkpoint: Path, calibration: Optional[Path], out: Path) -> Recipe:
    """What paths alone tell: name, files, precisions and the dataset around the images.

    The calibration itself is put in with the other flags.

    Args:
        checkpoint: the trained network's file.
        calibration: folder of images, if any; without one only float builds are possible.
        out: the engine folder, which the recipe's paths start from.
    """
    dataset = None if calibration is None else dataset_around(calibration)
    return Recipe(
        name=name_from(out),
        checkpoint=os.path.relpath(checkpoint, out),
        dataset=None if dataset is None else os.path.relpath(dataset, out),
        precisions=("fp32",) if calibration is None else ("fp32", "int8"),
    )


def calibration_from(folder: Path, out: Path) -> CalibrationChoice:
    """All images of a folder, under a name that tells the folder.

    Args:
        folder: of the images.
        out: the engine folder, which the choice's path starts from.
    """
    resolved = folder.resolve()
    # `images` says nothing; the split and the dataset above it do.
    parts = [part for part in resolved.parts[-3:] if part not in ("images", os.sep)]
    return CalibrationChoice(
        name=name_from(Path("-".join(parts[-2:]))), folder=os.path.relpath(folder, out)
    )


def dataset_around(folder: Path) -> Optional[Path]:
    """The dataset that a folder of images belongs to, if it is one of the native form."""
    resolved = folder.resolve()
    candidates = [resolved, *resolved.parents][:_ASCENT]
    return next((c for c in candidates if (c / "dataset.json").is_file()), None)


def default_evaluations(
    dataset: SegmentationDataset, card: Optional[TrainingCard]
) -> Tuple[EvaluationChoice, ...]:
    """The images that training held out, and the split `val`; unknown counts as seen.

    Args:
        dataset: to choose from.
        card: what the checkpoint says about its training, if anything.
    """
    learnt = None if card is None or card.dataset != dataset.name else card.plan
    choices: List[EvaluationChoice] = []
    if learnt is not None and learnt.get("hold_out"):
        choices.append(
            EvaluationChoice(
                name=f"held out {learnt['hold_out']}",
                splits=tuple(learnt["splits"]),
                pictures=learnt["hold_out"],
                seen_in_training=False,
            )
        )
    if "val" in dataset.splits:
        seen = learnt is None or "val" in learnt["splits"]
        choices.append(EvaluationChoice(name="val", splits=("val",), seen_in_training=seen))
    return tuple(choices)
