from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from runtime.builder.engine.recipe import recipe_from_file, recipe_text
from runtime.builder.tensorrt.plan_settings import PlanChoice
from runtime.errors import InvalidConfig

RECIPE = """
name = "street"
checkpoint = "net.pt"

[tensorrt]
compute_capabilities = ["8.6", "8.9"]
workspace_mib = 512
batch = [1, 2, 4]
require_int8 = true
"""


def test_a_recipe_says_how_plans_are_built_and_keeps_its_hash(tmp_path: Path) -> None:
    path = tmp_path / "recipe.toml"
    path.write_text(RECIPE, encoding="utf-8")
    recipe = recipe_from_file(path)
    assert recipe.tensorrt is not None
    options = recipe.tensorrt.options("int8")
    assert (options.workspace, options.batch, options.require_int8) == (512 << 20, (1, 2, 4), True)
    assert recipe.model_copy(update={"tensorrt": None}).sha256 == recipe.sha256
    path.write_text(recipe_text(recipe), encoding="utf-8")
    assert recipe_from_file(path) == recipe


def test_only_int8_plans_can_be_required_to_compute_in_int8() -> None:
    assert not PlanChoice(require_int8=True).options("fp16").require_int8


def test_flags_win_over_the_recipe() -> None:
    choice = PlanChoice(workspace_mib=512, dla_core=1).overridden({"workspace_mib": 2048})
    assert (choice.workspace_mib, choice.dla_core) == (2048, 1)


@pytest.mark.parametrize(
    ("flags", "told"),
    [
        ({"compute_capabilities": ["net.pt"]}, "'net.pt' is no compute capability"),
        ({"batch": (4, 2, 8)}, "the batch is"),
        ({"workspace_mib": 0}, "workspace_mib"),
        ({"optimization_level": 9}, "the optimization level is 9"),
        ({"dla_core": 0, "batch": (1, 2, 4)}, "DLA"),
    ],
)
def test_what_cannot_be_is_refused_with_its_name(flags: Any, told: str) -> None:
    with pytest.raises(InvalidConfig, match=told):
        PlanChoice().overridden(flags)
