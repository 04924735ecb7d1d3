"""From what a command says to a complete order: every file found, every choice made and checked."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Dict, Mapping, Optional, Sequence, Tuple

from runtime.builder.card import TrainingCard, card_of
from runtime.builder.checkpoint import Checkpoint, load_checkpoint
from runtime.builder.data.dataset import SegmentationDataset
from runtime.builder.data.layouts import open_dataset
from runtime.builder.engine.calibration_set import calibration_images
from runtime.builder.engine.default_recipe import calibration_from, derived_recipe, name_from
from runtime.builder.engine.recipe import EvaluationChoice, Recipe, recipe_from_file, recipe_text
from runtime.builder.tensorrt.build_plans import installed_tensorrt
from runtime.builder.tensorrt.plan_settings import PlanChoice
from runtime.device.machine import this_machine
from runtime.errors import InvalidConfig, InvalidInput
from runtime.files.atomic import write_whole
from runtime.image.label_map import Classes
from runtime.repository.engine_folder import RECIPE_NAME
from runtime.repository.manifest import InputSpec, Precision

ENGINES = Path("engines")


@dataclass(frozen=True)
class BuildEngineOptions:
    """What `runtime build-engine` was told; None and empty mean that the recipe says it.

    Attributes:
        checkpoint: the trained network.
        recipe: the recipe's file.
        precisions: what to build.
        calibration: folder of calibration images.
        dataset: folder of the dataset.
        out: the engine folder.
        max_drop: points of mIoU that a build may lose.
        plans: what flags say of TensorRT plans, as fields of `PlanChoice`; None does not ask for
            any, and then the recipe's table does where TensorRT is installed.
        labels_inside: whether to write files that give labels, for other runtimes.
        calibration_cache: whether to write TensorRT's own form of the INT8 ranges.
        rule: of calibration.
        keep_worst: how many of the layers that INT8 hurts most stay float.
    """

    checkpoint: Optional[Path] = None
    recipe: Optional[Path] = None
    precisions: Tuple[Precision, ...] = ()
    calibration: Optional[Path] = None
    dataset: Optional[Path] = None
    out: Optional[Path] = None
    max_drop: Optional[float] = None
    plans: Optional[Mapping[str, Any]] = None
    labels_inside: bool = False
    calibration_cache: bool = False
    rule: Optional[str] = None
    keep_worst: Optional[int] = None


@dataclass(frozen=True)
class EvaluationSet:
    """Labelled images to measure builds on."""

    choice: EvaluationChoice
    images: SegmentationDataset


@dataclass(frozen=True)
class ResolvedBuild:
    """All that a build needs.

    Attributes:
        recipe: with what the command overrode; its paths start from `out`.
        out: the engine folder.
        checkpoint: read.
        classes: of the network.
        input: of the network.
        precisions: what to build.
        calibration_images: empty where nothing is to be calibrated.
        exams: may be empty.
        canary: image that readiness is proven with.
        plans: how to build TensorRT plans; None without any.
        labels_inside: see `BuildEngineOptions`.
        calibration_cache: see `BuildEngineOptions`.
    """

    recipe: Recipe
    out: Path
    checkpoint: Checkpoint
    classes: Classes
    input: InputSpec
    precisions: Tuple[Precision, ...]
    calibration_images: Tuple[Path, ...]
    exams: Tuple[EvaluationSet, ...]
    canary: Optional[Path]
    plans: Optional[PlanChoice] = None
    labels_inside: bool = False
    calibration_cache: bool = False


def resolve_build(request: BuildEngineOptions) -> ResolvedBuild:
    """Finds and reads what the request names; a recipe that had to be derived is written down.

    Raises:
        InvalidConfig: something needed is not said, or two things contradict each other.
        InvalidInput: a file or folder is missing or broken.
    """
    recipe, out = _recipe(request)
    checkpoint = load_checkpoint(out / recipe.checkpoint)
    card = card_of(checkpoint) if checkpoint.metadata else None
    dataset = _dataset(recipe, out)
    precisions = request.precisions or recipe.precisions
    images: Tuple[Path, ...] = ()
    if "int8" in precisions:
        images = calibration_images(recipe.calibration, dataset, out)
    elif request.calibration_cache:
        raise InvalidConfig(
            "a calibration cache holds the ranges of an INT8 build, and none is ordered",
            "Add --int8",
        )
    exams = tuple(
        EvaluationSet(choice, dataset.of_splits(*choice.splits).named(choice.pictures))
        for choice in recipe.evaluation
        if dataset is not None
    )
    return ResolvedBuild(
        recipe=recipe,
        out=out,
        checkpoint=checkpoint,
        classes=_classes(checkpoint, card, dataset),
        input=_input(recipe, checkpoint, card),
        precisions=precisions,
        calibration_images=images,
        exams=exams,
        canary=_canary(recipe, dataset, exams, images),
        plans=_plans(recipe, request),
        labels_inside=request.labels_inside,
        calibration_cache=request.calibration_cache,
    )


def _plans(recipe: Recipe, request: BuildEngineOptions) -> Optional[PlanChoice]:
    """The command insists on plans; a recipe's table waits for a machine that can build them."""
    if request.plans is not None:
        return (recipe.tensorrt or PlanChoice()).overridden(request.plans)
    if recipe.tensorrt is None or installed_tensorrt(recipe.tensorrt, this_machine()) is None:
        return None
    return recipe.tensorrt


def _recipe(request: BuildEngineOptions) -> Tuple[Recipe, Path]:
    """The recipe with the command's overrides, and the engine folder that its paths start from."""
    path = request.recipe
    if path is None and request.out is not None and (request.out / RECIPE_NAME).is_file():
        path = request.out / RECIPE_NAME
    if path is not None:
        recipe, base = recipe_from_file(path), path.parent
        out = request.out or base
    elif request.checkpoint is not None:
        out = base = request.out or ENGINES / name_from(request.checkpoint)
        loaded = load_checkpoint(request.checkpoint)
        card = card_of(loaded) if loaded.metadata else None
        recipe = derived_recipe(request.checkpoint, card, request.calibration, out)
    else:
        raise InvalidConfig(
            "neither a checkpoint nor a recipe is given",
            "Say `runtime build-engine CHECKPOINT --int8 --calib DIR` or "
            "`runtime build-engine --recipe engines/NAME/recipe.toml`",
        )
    recipe = _overridden(_rebased(recipe, base, out), request, out)
    if not (out / RECIPE_NAME).is_file():
        write_whole(out / RECIPE_NAME, recipe_text(recipe).encode())
    if request.max_drop is not None:
        # A concession for this once, which the written recipe does not make.
        gate = recipe.gate.model_copy(update={"max_drop": request.max_drop})
        recipe = recipe.model_copy(update={"gate": gate})
    return recipe, out


def _rebased(recipe: Recipe, base: Path, out: Path) -> Recipe:
    """The same recipe with paths that start from another folder."""
    if base.resolve() == out.resolve():
        return recipe
    changes: Dict[str, Any] = {"checkpoint": os.path.relpath(base / recipe.checkpoint, out)}
    if recipe.dataset is not None:
        changes["dataset"] = os.path.relpath(base / recipe.dataset, out)
    calibration = recipe.calibration
    if calibration is not None and calibration.folder is not None:
        folder = os.path.relpath(base / calibration.folder, out)
        changes["calibration"] = calibration.model_copy(update={"folder": folder})
    return recipe.model_copy(update=changes)


def _overridden(recipe: Recipe, request: BuildEngineOptions, out: Path) -> Recipe:
    changes: Dict[str, Any] = {}
    if request.checkpoint is not None:
        changes["checkpoint"] = os.path.relpath(request.checkpoint, out)
    if request.dataset is not None:
        changes["dataset"] = os.path.relpath(request.dataset, out)
    if request.calibration is not None:
        given = calibration_from(request.calibration, out)
        rule = given.rule if recipe.calibration is None else recipe.calibration.rule
        changes["calibration"] = given.model_copy(update={"rule": rule})
    calibration = changes.get("calibration", recipe.calibration)
    if request.rule is not None and calibration is not None:
        changes["calibration"] = calibration.model_copy(update={"rule": request.rule})
    if request.keep_worst is not None:
        changes["quantization"] = recipe.quantization.model_copy(
            update={"keep_worst": request.keep_worst}
        )
    return recipe.model_copy(update=changes)


def _dataset(recipe: Recipe, out: Path) -> Optional[SegmentationDataset]:
    if recipe.dataset is None:
        return None
    folder = out / recipe.dataset
    if not folder.is_dir():
        raise InvalidInput(
            f"the recipe's dataset {folder} does not exist", "Say where it is with --data DIR"
        )
    return open_dataset(folder)


def _classes(
    checkpoint: Checkpoint, card: Optional[TrainingCard], dataset: Optional[SegmentationDataset]
) -> Classes:
    if card is not None:
        classes = card.classes.to_classes()
    elif dataset is not None:
        classes = dataset.classes
    else:
        raise InvalidConfig(
            "neither the checkpoint nor a dataset says what the classes are",
            "Name the dataset it was trained on with --data DIR, or in the recipe",
        )
    if len(classes) != checkpoint.architecture.classes:
        raise InvalidConfig(
            f"the network has {checkpoint.architecture.classes} classes, its dataset "
            f"{len(classes)}",
            "Name the dataset that the network was trained on",
        )
    if dataset is not None and dataset.classes.names != classes.names:
        raise InvalidConfig(
            f"the classes of dataset {dataset.name!r} are not those of the checkpoint",
            "Evaluate and calibrate on a dataset with the same classes in the same order",
        )
    return classes


def _input(recipe: Recipe, checkpoint: Checkpoint, card: Optional[TrainingCard]) -> InputSpec:
    chosen = recipe.input
    if chosen is None and card is None:
        raise InvalidConfig(
            "neither the checkpoint nor the recipe says the size of the input",
            "Write an [input] table with height and width into the recipe, such as "
            "`height = 1024` and `width = 2048`",
        )
    known: Dict[str, Any] = {} if card is None else card.input.model_dump()
    known.update({} if chosen is None else chosen.model_dump())
    architecture = checkpoint.architecture
    return InputSpec(**{**known, "mean": architecture.mean, "std": architecture.std})


def _canary(
    recipe: Recipe,
    dataset: Optional[SegmentationDataset],
    exams: Sequence[EvaluationSet],
    calibration_images: Sequence[Path],
) -> Optional[Path]:
    if recipe.canary is not None and dataset is not None:
        named = [p.image for p in dataset.samples if p.name == recipe.canary]
        if not named:
            raise InvalidConfig(
                f"the canary {recipe.canary!r} is no image of {dataset.name!r}",
                "Name an image without its ending, or leave the canary out",
            )
        return named[0]
    candidates = [exam.images.samples[0].image for exam in exams] + list(calibration_images)
    return candidates[0] if candidates else None
