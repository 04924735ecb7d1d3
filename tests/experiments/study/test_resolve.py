from __future__ import annotations

from pathlib import Path
from typing import Tuple

import pytest

from runtime.builder.checkpoint import save_checkpoint
from runtime.builder.data.layouts import open_dataset
from runtime.builder.swiftnet import SwiftNet
from runtime.errors import InvalidConfig, InvalidInput
from runtime.experiments.study.resolve import content_sha256
from tests.builder.networks import narrow
from tests.builder.scenes import NAMES
from tests.builder.tiny_training import network, trained_checkpoint
from tests.experiments.study.tiny_study import changed, prepared, write_study


def brought(folder: Path, names: Tuple[str, ...] = NAMES) -> Path:
    """A study of a checkpoint instead of a training."""
    recipe = write_study(folder)
    trained_checkpoint(folder / "full.pt", names)
    plan = 'plan = "training.toml"'
    return changed(recipe, plan, f'{plan}\ncheckpoint = "full.pt"\nearly = "start.pt"')


def test_a_checkpoint_can_be_brought_along(tmp_path: Path) -> None:
    model = prepared(brought(tmp_path)).models[0]
    assert model.checkpoint is not None
    assert model.early is not None
    assert model.size == (64, 64)
    assert model.plan_for(7).settings.seed == 7


def test_early_weights_of_another_geometry(tmp_path: Path) -> None:
    recipe = brought(tmp_path)
    save_checkpoint(tmp_path / "start.pt", SwiftNet(narrow()), {})
    with pytest.raises(InvalidInput, match="early weights of model full are of another geometry"):
        prepared(recipe)


def test_a_checkpoint_of_another_geometry_than_the_plans_network(tmp_path: Path) -> None:
    recipe = brought(tmp_path)
    plan = changed(tmp_path / "training.toml", 'init = "start.pt"', "")
    changed(plan, "[settings]", "[network]\noutput_stride = 8\n[settings]")
    with pytest.raises(InvalidConfig, match="has output_stride 4, its plan says 8"):
        prepared(recipe)


def test_a_checkpoint_of_another_size_than_the_plan(tmp_path: Path) -> None:
    recipe = brought(tmp_path)
    changed(tmp_path / "training.toml", "size = [64, 64]", "size = [96, 96]")
    with pytest.raises(InvalidConfig, match="trains at 96x96, its checkpoint was trained at 64x64"):
        prepared(recipe)


def test_a_checkpoint_of_other_classes(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="knows other classes than 'scenes'"):
        prepared(brought(tmp_path, ("sky", "road", "cow")))


def test_a_checkpoint_without_a_card(tmp_path: Path) -> None:
    recipe = brought(tmp_path)
    save_checkpoint(tmp_path / "full.pt", network(), {})
    with pytest.raises(InvalidInput, match="what it was trained for"):
        prepared(recipe)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('without = "even_*"', 'pictures = "night_*"', "no image of 'scenes' is called"),
        ('without = "even_*"', 'without = "*"', "holds out 8 of the 8"),
        ('split = "val"', 'split = "dusk"', "no split 'dusk'"),
        ('blocks = ["1", "2", "3", "4"]', "ratios.moon = 0.5", "no group 'moon'"),
        ("rewind = 2", "rewind = 6", "rewind is 6 but a training .* takes 6 steps"),
        ('dataset = "scenes"', 'dataset = "absent"', "no dataset .*absent"),
        ('plan = "training.toml"', 'plan = "other.toml"', "no plan can be read"),
    ],
)
def test_what_does_not_fit_is_found_before_anything_is_done(
    tmp_path: Path, old: str, new: str, said: str
) -> None:
    recipe = changed(write_study(tmp_path), old, new)
    with pytest.raises((InvalidConfig, InvalidInput), match=said):
        prepared(recipe)


def test_what_the_recipe_decides_has_a_hash_that_places_do_not_change(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    one, other = write_study(tmp_path / "a"), write_study(tmp_path / "b")
    assert prepared(one).sha256 == prepared(other, save_every=1).sha256
    changed(tmp_path / "b" / "training.toml", "epochs = 3", "epochs = 4")
    assert prepared(one).sha256 != prepared(other).sha256


def test_images_are_known_by_their_content(tmp_path: Path) -> None:
    study = prepared(write_study(tmp_path))
    images = study.recipe.judged[0].of
    before = content_sha256(images(open_dataset(study.data)))
    label = next((study.data / "val" / "labels").iterdir())
    label.write_bytes(label.read_bytes() + b"\0")
    assert content_sha256(images(open_dataset(study.data))) != before
