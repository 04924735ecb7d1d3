"""Which recipe a build follows: the file that is named or lies in the folder, else a derived one.

Flags win over either. Of the files that a recipe names none is opened here.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, Dict, Tuple

from runtime.builder.engine.default_recipe import calibration_from, name_from, recipe_from_paths
from runtime.builder.engine.options import BuildEngineOptions
from runtime.builder.engine.recipe import Recipe, recipe_from_file
from runtime.errors import InvalidConfig
from runtime.repository.engine_folder import RECIPE_NAME

ENGINES = Path("engines")


def resolve_recipe(options: BuildEngineOptions) -> Tuple[Recipe, Path, bool]:
    """Finds the recipe and applies the flags to it.

    Returns:
        the recipe with paths that start from the engine folder; that folder; and whether the
        recipe is a derived one, which lacks the evaluations as long as no file is open.

    Raises:
        InvalidConfig: neither a checkpoint nor a recipe is given, or the recipe is invalid.
    """
    path = options.recipe
    if path is None and options.out is not None and (options.out / RECIPE_NAME).is_file():
        path = options.out / RECIPE_NAME
    if path is not None:
        out = options.out or path.parent
        recipe = _rebase(recipe_from_file(path), path.parent, out)
    elif options.checkpoint is not None:
        out = options.out or ENGINES / name_from(options.checkpoint)
        recipe = recipe_from_paths(options.checkpoint, options.calibration, out)
    else:
        raise InvalidConfig(
            "neither a checkpoint nor a recipe is given",
            "Say `runtime build-engine CHECKPOINT --int8 --calib DIR` or "
            "`runtime build-engine --recipe engines/NAME/recipe.toml`",
        )
    return _override(recipe, options, out), out, path is None


def _rebase(recipe: Recipe, base: Path, out: Path) -> Recipe:
    """The same recipe with paths that start from `out` instead of `base`."""
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


def _override(recipe: Recipe, options: BuildEngineOptions, out: Path) -> Recipe:
    """The recipe with what flags say instead, `--max-drop` apart."""
    changes: Dict[str, Any] = {}
    if options.checkpoint is not None:
        changes["checkpoint"] = os.path.relpath(options.checkpoint, out)
    if options.dataset is not None:
        changes["dataset"] = os.path.relpath(options.dataset, out)
    if options.calibration is not None:
        given = calibration_from(options.calibration, out)
        rule = given.rule if recipe.calibration is None else recipe.calibration.rule
        changes["calibration"] = given.model_copy(update={"rule": rule})
    calibration = changes.get("calibration", recipe.calibration)
    if options.grey_images and calibration is not None:
        calibration = calibration.model_copy(update={"grey_images": True})
        changes["calibration"] = calibration
    if options.rule is not None and calibration is not None:
        changes["calibration"] = calibration.model_copy(update={"rule": options.rule})
    if options.keep_worst is not None:
        changes["quantization"] = recipe.quantization.model_copy(
            update={"keep_worst": options.keep_worst}
        )
    return recipe.model_copy(update=changes)
