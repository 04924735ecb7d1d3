"""Recipes as people write them, beside the checkpoint and the dataset of the fixtures."""

from __future__ import annotations

from pathlib import Path
from typing import Any

INPUT = "[input]\nheight = 64\nwidth = 96"
CALIBRATION = '[calibration]\nname = "few"\ncount = 2'


def recipe_in(folder: Path, **lines: Any) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "recipe.toml"
    text = 'name = "street"\ncheckpoint = "../published.pth"\ndataset = "../brightness"\n'
    path.write_text(text + "".join(f"\n{body}\n" for body in lines.values()), encoding="utf-8")
    return path
