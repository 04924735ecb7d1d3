"""When a build leaves a recipe in its folder, and what that recipe then builds."""

from __future__ import annotations

from pathlib import Path

import pytest

from runtime.builder.engine.options import BuildEngineOptions
from runtime.builder.engine.recipe import recipe_from_file
from runtime.builder.engine.save_recipe import resolve_and_save_recipe
from runtime.errors import InvalidConfig, InvalidInput
from tests.builder.engine.recipes import CALIBRATION, INPUT, recipe_in


def test_the_derived_recipe_is_written_and_builds_the_same(
    carded: Path, dataset: Path, tmp_path: Path
) -> None:
    out = tmp_path / "engines" / "street"
    first = resolve_and_save_recipe(
        BuildEngineOptions(
            checkpoint=carded, calibration=dataset / "train" / "images", out=out, max_drop=9
        )
    )
    again = resolve_and_save_recipe(BuildEngineOptions(out=out))
    assert recipe_from_file(out / "recipe.toml") == again.recipe
    assert again.calibration_images == first.calibration_images
    assert (first.recipe.gate.max_drop, again.recipe.gate.max_drop) == (9, 0.5)


def test_a_recipe_can_build_elsewhere(bare: Path, dataset: Path, tmp_path: Path) -> None:
    recipe = recipe_in(tmp_path / "street", input=INPUT, calibration=CALIBRATION)
    elsewhere = tmp_path / "deep" / "er" / "copy"
    resolved = resolve_and_save_recipe(BuildEngineOptions(recipe=recipe, out=elsewhere))
    assert resolved.out == elsewhere
    assert resolve_and_save_recipe(BuildEngineOptions(out=elsewhere)).checkpoint.sha256


def test_a_recipe_that_lacks_the_input_is_left_to_be_completed(
    bare: Path, dataset: Path, tmp_path: Path
) -> None:
    folder = dataset / "train" / "images"
    options = BuildEngineOptions(checkpoint=bare, calibration=folder, out=tmp_path / "engine")
    with pytest.raises(InvalidConfig, match="size of the input"):
        resolve_and_save_recipe(options)
    written = tmp_path / "engine" / "recipe.toml"
    text = f'{written.read_text(encoding="utf-8")}\n{INPUT}\nresampling = "area"\n'
    written.write_text(text, encoding="utf-8")
    resolved = resolve_and_save_recipe(options)
    assert [each.choice.seen_in_training for each in resolved.evaluation_sets] == [True]
    assert resolved.input.resampling == "area"


def test_a_build_that_cannot_be_resolved_leaves_nothing_behind(
    carded: Path, dataset: Path, tmp_path: Path
) -> None:
    out = tmp_path / "engine"
    mistyped = BuildEngineOptions(
        checkpoint=carded,
        calibration=dataset / "train" / "images",
        dataset=tmp_path / "brightnes",
        out=out,
    )
    with pytest.raises(InvalidInput, match="brightnes does not exist"):
        resolve_and_save_recipe(mistyped)
    assert not out.exists()


def test_a_recipe_that_somebody_wrote_is_not_written_over(bare: Path, dataset: Path) -> None:
    recipe = recipe_in(bare.parent / "street", input=INPUT, calibration=CALIBRATION)
    before = recipe.read_bytes()
    resolve_and_save_recipe(BuildEngineOptions(recipe=recipe, keep_worst=3, max_drop=9))
    assert recipe.read_bytes() == before
