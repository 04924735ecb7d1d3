from __future__ import annotations

from pathlib import Path

import pytest

from runtime.errors import InvalidConfig
from runtime.experiments.study.recipe import recipe_from_file
from tests.experiments.study.tiny_study import changed, write_study


def test_it_reads_what_is_written(tmp_path: Path) -> None:
    recipe = recipe_from_file(write_study(tmp_path, ("lth", "none")))
    assert recipe.arms == ("lth", "none")
    assert recipe.prunings[0].request(seed=7).seed == 7
    assert recipe.calibration is not None
    assert recipe.calibration.count == 100
    assert recipe.speed is None


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("rewind = 2", "rewinds = 2", "rewinds"),
        ('blocks = ["1"', 'blocks = ["7"', "no block '7'"),
        ("ratio = 0.5", "ratio = 1.5", "share to remove is 1.5"),
        ("ratio = 0.5", 'importance = "context"', "no images for the importance 'context'"),
        ("ratio = 0.5", 'allocation = "latency"\nbudget_ms = 5.0', "no latency table"),
        ("ratio = 0.5", "ratios.stem = -0.5", "ratio of stem is -0.5"),
        ('arms = ["lth"]', 'arms = ["magic"]', r"arms\.0"),
        ('arms = ["lth"]', "arms = []", "at least one arm"),
        ("seeds = [1]", "seeds = [1, 1]", "seeds has 1 twice"),
        ("seeds = [1]", "seeds = [-1]", "from 0 up"),
        ('["fp32", "int8"]', '["int8"]', "lack fp32"),
        ('name = "half"', 'name = "Half/2"', r"prunings\.0\.name"),
        ('plan = "training.toml"', "", "needs a plan"),
        ('plan = "training.toml"', 'checkpoint = "a.pt"', "no plan to train the arm lth"),
        (
            'plan = "training.toml"',
            'plan = "training.toml"\ncheckpoint = "a.pt"',
            "early weights, and model full brings none",
        ),
        ('plan = "training.toml"', 'plan = "training.toml"\nearly = "b.pt"', "belongs to"),
        ("[calibration]", '[calibration]\nrule = "guess"', "guess"),
        ("[calibration]", "[calibration", "not TOML"),
    ],
)
def test_nonsense_is_refused_in_a_sentence(tmp_path: Path, old: str, new: str, said: str) -> None:
    recipe = changed(write_study(tmp_path), old, new)
    with pytest.raises(InvalidConfig, match=said) as refused:
        recipe_from_file(recipe)
    assert str(recipe) in refused.value.problem


def test_int8_and_untrained_networks_need_images(tmp_path: Path) -> None:
    recipe = write_study(tmp_path, ("none",))
    table = '[calibration]\nsplit = "train"\nwithout = "even_*"\n'
    changed(recipe, table, "")
    with pytest.raises(InvalidConfig, match="int8 needs a table"):
        recipe_from_file(recipe)
    changed(recipe, '["fp32", "int8"]', '["fp32"]')
    with pytest.raises(InvalidConfig, match=r"arm none .* needs"):
        recipe_from_file(recipe)


def test_a_recipe_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(InvalidConfig, match="no recipe can be read"):
        recipe_from_file(tmp_path / "recipe.toml")
