from __future__ import annotations

from pathlib import Path

import pytest

from runtime.builder.engine.recipe import Recipe, recipe_from_file, recipe_text
from runtime.errors import InvalidConfig

ENGINES = Path(__file__).resolve().parents[3] / "engines"

FULL = """
name = "street"  # a comment
checkpoint = "checkpoint.pt"
dataset = "../../data/street"
precisions = ["fp32", "int8"]

[input]
height = 512
width = 1024

[calibration]
name = "street-train"
splits = ["train"]
count = 300
rule = "percentile-99.99"

[quantization]
keep_float = ["logits.conv", 'a "quoted" name']

[gate]
max_drop = 0.3

[[evaluation]]
name = "val"
splits = ["val"]
seen_in_training = false

[[evaluation]]
name = "the other drive"
splits = ["train"]
pictures = "drive2_*"
seen_in_training = true
"""


def written(folder: Path, text: str) -> Path:
    path = folder / "recipe.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_a_recipe_survives_being_written(tmp_path: Path) -> None:
    recipe = recipe_from_file(written(tmp_path, FULL))
    assert recipe_from_file(written(tmp_path, recipe_text(recipe))) == recipe
    assert recipe.quantization.options().keep_float == {"logits.conv", 'a "quoted" name'}
    assert [choice.pictures for choice in recipe.evaluation] == ["*", "drive2_*"]


def test_the_hash_is_of_what_is_said_not_of_how(tmp_path: Path) -> None:
    first = recipe_from_file(written(tmp_path, FULL))
    relaid = FULL.replace("  # a comment", "").replace("height = 512\n", "height   =   512\n\n")
    assert recipe_from_file(written(tmp_path, relaid)).sha256 == first.sha256
    moved = FULL.replace("../../data/street", "/mnt/street")
    assert recipe_from_file(written(tmp_path, moved)).sha256 == first.sha256
    other = recipe_from_file(written(tmp_path, FULL.replace("512", "544")))
    assert other.sha256 != first.sha256


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (("height = 512", "heigth = 512"), "input"),
        (("count = 300", "images = 300"), r"calibration\.images"),
        (('"percentile-99.99"', '"median"'), "median"),
        (('name = "street"', 'name = "../street"'), "name"),
        (('precisions = ["fp32", "int8"]', "precisions = []"), "precisions"),
        (('dataset = "../../data/street"', ""), "no dataset"),
        (("[input]", "[input"), "not TOML"),
        (("seen_in_training = false", ""), "seen_in_training"),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, change: tuple[str, str], told: str) -> None:
    with pytest.raises(InvalidConfig, match=told) as refused:
        recipe_from_file(written(tmp_path, FULL.replace(*change)))
    assert "recipe.toml" in refused.value.problem


def test_a_missing_recipe_is_refused_with_both_ways_out(tmp_path: Path) -> None:
    with pytest.raises(InvalidConfig, match="no recipe") as refused:
        recipe_from_file(tmp_path / "recipe.toml")
    assert "--recipe" in refused.value.cure
    assert "--calib" in refused.value.cure


def test_defaults_are_not_written(tmp_path: Path) -> None:
    text = recipe_text(Recipe(name="street", checkpoint="checkpoint.pt"))
    assert text == 'name = "street"\ncheckpoint = "checkpoint.pt"\n'


@pytest.mark.parametrize("path", sorted(ENGINES.glob("*/recipe.toml")), ids=lambda p: p.parent.name)
def test_every_committed_recipe_is_valid_and_named_after_its_folder(path: Path) -> None:
    assert recipe_from_file(path).name == path.parent.name


def test_the_study_s_models_and_the_demo_have_recipes() -> None:
    assert {path.parent.name for path in ENGINES.glob("*/recipe.toml")} >= {
        "swiftnet-rn34-full",
        "swiftnet-rn34-pruned-blocks12",
        "swiftnet-rn34-pruned-all",
        "camvid-demo",
    }


def test_a_recipe_may_leave_rule_and_layers_to_measurement(tmp_path: Path) -> None:
    path = tmp_path / "recipe.toml"
    path.write_text(
        'name = "a"\ncheckpoint = "c.pt"\n[calibration]\nname = "s"\nfolder = "p"\nrule = "auto"\n'
        "[quantization]\nkeep_worst = 3\nbias_correction = true\n",
        encoding="utf-8",
    )
    recipe = recipe_from_file(path)
    assert recipe.calibration is not None
    assert recipe.calibration.rule == "auto"
    assert (recipe.quantization.keep_worst, recipe.quantization.bias_correction) == (3, True)
    assert recipe_from_file(written(tmp_path, recipe_text(recipe))) == recipe
