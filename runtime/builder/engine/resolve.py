"""From what a command says to a resolved build: every file found, every choice made and checked.

One pass reads each file once and writes none; `save_recipe` keeps the recipe that came of it.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Optional, Sequence, Tuple

from runtime.builder.card import card_of
from runtime.builder.checkpoint import Checkpoint, load_checkpoint
from runtime.builder.data.dataset import SegmentationDataset
from runtime.builder.data.layouts import open_dataset
from runtime.builder.engine.calibration_set import calibration_images, require_images
from runtime.builder.engine.default_recipe import default_evaluations
from runtime.builder.engine.options import BuildEngineOptions
from runtime.builder.engine.recipe import EvaluationChoice, Recipe
from runtime.builder.engine.resolve_input import resolve_classes, resolve_input
from runtime.builder.engine.resolve_recipe import resolve_recipe
from runtime.builder.tensorrt.build_plans import installed_tensorrt
from runtime.builder.tensorrt.plan_settings import PlanChoice
from runtime.device.machine import this_machine
from runtime.errors import InvalidConfig, InvalidInput
from runtime.image.label_map import Classes
from runtime.repository.manifest import InputSpec, Precision


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
        evaluation_sets: may be empty.
        canary: image that readiness is proven with.
        plans: how to build TensorRT plans; None without any.
        labels_inside: see `BuildEngineOptions`.
        calibration_cache: see `BuildEngineOptions`.
        standing_recipe: the recipe without what the command conceded for this once; None where
            nobody is to save it.
    """

    recipe: Recipe
    out: Path
    checkpoint: Checkpoint
    classes: Classes
    input: InputSpec
    precisions: Tuple[Precision, ...]
    calibration_images: Tuple[Path, ...]
    evaluation_sets: Tuple[EvaluationSet, ...]
    canary: Optional[Path]
    plans: Optional[PlanChoice] = None
    labels_inside: bool = False
    calibration_cache: bool = False
    standing_recipe: Optional[Recipe] = None


class InputSizeUnknown(InvalidConfig):
    """Nothing says the size of the input, so a person has to write it into the recipe.

    Attributes:
        recipe: complete but for that.
        out: the engine folder.
    """

    def __init__(self, recipe: Recipe, out: Path) -> None:
        super().__init__(
            "neither the checkpoint nor the recipe says the size of the input",
            "Write an [input] table with height and width into the recipe, such as "
            "`height = 1024` and `width = 2048`",
        )
        self.recipe, self.out = recipe, out


def resolve_build(options: BuildEngineOptions) -> ResolvedBuild:
    """Finds and reads what the options name, each file once.

    Raises:
        InputSizeUnknown: all is found but the size of the input.
        InvalidConfig: something needed is not said, or two things contradict each other.
        InvalidInput: a file or folder is missing or broken.
    """
    recipe, out, is_derived = resolve_recipe(options)
    checkpoint = load_checkpoint(_path_of(recipe.checkpoint, out))
    card = card_of(checkpoint) if checkpoint.metadata else None
    dataset = _open_dataset(recipe, out)
    if is_derived and dataset is not None:
        evaluations = default_evaluations(dataset, card)
        recipe = recipe.model_copy(update={"evaluation": evaluations})
    precisions = options.precisions or recipe.precisions
    images = _calibration_images(recipe, dataset, out, options, precisions)
    evaluation_sets = _evaluation_sets(recipe, dataset)
    classes = resolve_classes(checkpoint, card, dataset)
    require_images(recipe.calibration, images, classes)
    spec = resolve_input(recipe, checkpoint, card)
    if spec is None:
        raise InputSizeUnknown(recipe, out)
    return ResolvedBuild(
        recipe=_concede(recipe, options),
        out=out,
        checkpoint=checkpoint,
        classes=classes,
        input=spec,
        precisions=precisions,
        calibration_images=images,
        evaluation_sets=evaluation_sets,
        canary=_canary(recipe, dataset, evaluation_sets, images),
        plans=_plans(recipe, options),
        labels_inside=options.labels_inside,
        calibration_cache=options.calibration_cache,
        standing_recipe=recipe,
    )


def _path_of(relative: str, out: Path) -> Path:
    """Where a recipe's path leads from the engine folder, also before that folder is made."""
    path = out / relative
    # Nothing can be opened as `engines/new/../../net.pt` while there is no `engines/new`.
    plain = Path(os.path.normpath(path))
    leads_elsewhere = path.exists() and not (plain.exists() and plain.samefile(path))
    # Below a symbolic link `..` is the parent of what it points to, which only the system knows.
    return path if leads_elsewhere else plain


def _concede(recipe: Recipe, options: BuildEngineOptions) -> Recipe:
    """The recipe with `--max-drop` in its gate: a concession for this once, never saved."""
    if options.max_drop is None:
        return recipe
    gate = recipe.gate.model_copy(update={"max_drop": options.max_drop})
    return recipe.model_copy(update={"gate": gate})


def _open_dataset(recipe: Recipe, out: Path) -> Optional[SegmentationDataset]:
    if recipe.dataset is None:
        return None
    folder = _path_of(recipe.dataset, out)
    if not folder.is_dir():
        raise InvalidInput(
            f"the recipe's dataset {folder} does not exist", "Say where it is with --data DIR"
        )
    return open_dataset(folder)


def _calibration_images(
    recipe: Recipe,
    dataset: Optional[SegmentationDataset],
    out: Path,
    options: BuildEngineOptions,
    precisions: Sequence[Precision],
) -> Tuple[Path, ...]:
    choice = recipe.calibration
    if "int8" in precisions:
        named = None if choice is None else choice.folder
        folder = None if named is None else _path_of(named, out)
        return calibration_images(choice, dataset, folder)
    if options.calibration_cache:
        raise InvalidConfig(
            "a calibration cache holds the ranges of an INT8 build, and none is ordered",
            "Add --int8",
        )
    return ()


def _evaluation_sets(
    recipe: Recipe, dataset: Optional[SegmentationDataset]
) -> Tuple[EvaluationSet, ...]:
    if dataset is None:
        return ()
    return tuple(
        EvaluationSet(choice, dataset.of_splits(*choice.splits).named(choice.pictures))
        for choice in recipe.evaluation
    )


def _canary(
    recipe: Recipe,
    dataset: Optional[SegmentationDataset],
    evaluation_sets: Sequence[EvaluationSet],
    calibration_images: Sequence[Path],
) -> Optional[Path]:
    """The image that the recipe names, else the first that is evaluated or calibrated on."""
    if recipe.canary is not None and dataset is not None:
        named = [sample.image for sample in dataset.samples if sample.name == recipe.canary]
        if not named:
            raise InvalidConfig(
                f"the canary {recipe.canary!r} is no image of {dataset.name!r}",
                "Name an image without its ending, or leave the canary out",
            )
        return named[0]
    evaluated = [each.images.samples[0].image for each in evaluation_sets]
    return next(iter([*evaluated, *calibration_images]), None)


def _plans(recipe: Recipe, options: BuildEngineOptions) -> Optional[PlanChoice]:
    """The command insists on plans; a recipe's table waits for a machine that can build them."""
    if options.plans is not None:
        return (recipe.tensorrt or PlanChoice()).overridden(options.plans)
    if recipe.tensorrt is None or installed_tensorrt(recipe.tensorrt, this_machine()) is None:
        return None
    return recipe.tensorrt
