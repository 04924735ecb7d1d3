"""Keeping the recipe that a build was resolved by, in an engine folder that has none yet."""

from __future__ import annotations

from pathlib import Path

from runtime.builder.engine.options import BuildEngineOptions
from runtime.builder.engine.recipe import Recipe, recipe_text
from runtime.builder.engine.resolve import InputSizeUnknown, ResolvedBuild, resolve_build
from runtime.files.atomic import write_whole
from runtime.repository.engine_folder import RECIPE_NAME


def resolve_and_save_recipe(options: BuildEngineOptions) -> ResolvedBuild:
    """Resolves a build as a command does, and then saves its recipe.

    A build that cannot be resolved leaves nothing behind, with one exception: where all is known
    but the size of the input, the recipe is saved for the person who is to write the size there.

    Raises:
        InvalidConfig: see `resolve_build`.
        InvalidInput: see `resolve_build`.
        OSError: no room or no right to write.
    """
    try:
        resolved = resolve_build(options)
    except InputSizeUnknown as unknown:
        save_recipe(unknown.recipe, unknown.out)
        raise
    if resolved.standing_recipe is not None:
        save_recipe(resolved.standing_recipe, resolved.out)
    return resolved


def save_recipe(recipe: Recipe, out: Path) -> None:
    """Writes a recipe into an engine folder, unless one lies there: people edit theirs.

    Args:
        recipe: its paths start from `out`.
        out: the engine folder; it is made if needed.
    """
    path = out / RECIPE_NAME
    if not path.is_file():
        write_whole(path, recipe_text(recipe).encode())
