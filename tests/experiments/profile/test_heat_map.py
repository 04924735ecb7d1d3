from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from runtime.experiments.profile.heat_map import write_heat_map
from tests.experiments.profile.made_up_profiles import FAR, FIRST, profile

HALF = profile("half", {FIRST: 2.0, FAR: 1.0}, forward=4.0, narrowed=("block 1",))


def test_draws_each_model_and_how_much_faster_it_is(tmp_path: Path) -> None:
    write_heat_map([profile()], tmp_path / "one.png")
    write_heat_map([profile(), HALF], tmp_path / "two.png")
    one, two = (np.asarray(Image.open(tmp_path / name)) for name in ("one.png", "two.png"))
    assert two.shape[0] > one.shape[0]
    # To the right of the whole network there is nothing, beside a further one its ratios.
    height, width = two.shape[0], two.shape[1]
    upper, lower = two[: height // 2, 2 * width // 3 :], two[height // 2 :, 2 * width // 3 :]
    assert len(np.unique(lower.reshape(-1, 4), axis=0)) > len(
        np.unique(upper.reshape(-1, 4), axis=0)
    )


def test_equal_profiles_give_equal_files(tmp_path: Path) -> None:
    for name in ("a.png", "b.png"):
        write_heat_map([profile(), HALF], tmp_path / name)
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()
