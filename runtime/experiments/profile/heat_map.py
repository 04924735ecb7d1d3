"""Profiles as a heat map: where the milliseconds go, and what pruning makes of them."""

from __future__ import annotations

from pathlib import Path
from typing import List, Sequence, Tuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize

from runtime.builder.figure import new_figure, save
from runtime.experiments.profile.layer_map import Place
from runtime.experiments.profile.profile import Profile

DARK = 0.55  # of the scale: where black letters are no longer readable
MOST_RATIO = 4.0


def write_heat_map(profiles: Sequence[Profile], path: Path) -> None:
    """Draws the models of one backend, the whole network first.

    The left column shows milliseconds; the right one, beside each further model, how many times
    as fast as in the whole network each part is.

    Args:
        profiles: of one backend.
        path: the PNG; its folder must exist.
    """
    whole = profiles[0]
    parts, levels = whole.encoder_parts(), whole.levels
    figure = new_figure(13.5, 0.9 + len(profiles) * (0.42 * len(levels) + 1.15))
    grid = figure.subplots(len(profiles), 2, squeeze=False)
    most = max(m.mean for profile in profiles for m in profile.parts.values())
    for profile, (left, right) in zip(profiles, grid):
        values = _milliseconds(profile, parts, levels)
        left.imshow(values, cmap="Blues", vmin=0, vmax=most, aspect="auto")
        _label(left, values, (parts, levels), "{:.2f}", dark=values > DARK * most)
        left.set_title(f"{profile.model}: {profile.forward.mean:.1f} ms", loc="left", size=10)
        if profile is whole:
            right.set_axis_off()
            continue
        ratios = _milliseconds(whole, parts, levels) / values
        _draw_ratios(right, ratios, (parts, levels))
        speed_up = whole.forward.mean / profile.forward.mean
        right.set_title(
            f"times as fast as {whole.model}: {speed_up:.2f} in all", loc="left", size=10
        )
    figure.suptitle(f"Milliseconds on {whole.backend}", x=0.01, ha="left", size=12)
    scale = ScalarMappable(Normalize(0, most), "Blues")
    figure.colorbar(scale, ax=grid[:, 0].tolist(), label="ms", shrink=0.8, pad=0.01)
    save(figure, path)


def _milliseconds(profile: Profile, parts: Sequence[str], levels: Sequence[int]) -> np.ndarray:
    """(levels, parts) medians; NaN where a level has no such part."""
    return np.array(
        [
            [
                profile.parts[Place(part, level)].mean
                if Place(part, level) in profile.parts
                else np.nan
                for part in parts
            ]
            for level in levels
        ]
    )


def _draw_ratios(
    axes: Axes, ratios: np.ndarray, named: Tuple[Sequence[str], Sequence[int]]
) -> None:
    # On a logarithmic scale, so that twice and half as fast are equally far from the middle.
    scale = np.log2(MOST_RATIO)
    logarithms = np.log2(ratios)
    axes.imshow(logarithms, cmap="RdBu", vmin=-scale, vmax=scale, aspect="auto")
    _label(axes, ratios, named, "{:.2f}", dark=np.abs(logarithms) > DARK * scale)


def _label(
    axes: Axes,
    values: np.ndarray,
    named: Tuple[Sequence[str], Sequence[int]],
    form: str,
    dark: np.ndarray,
) -> None:
    parts, levels = named
    axes.set_xticks(range(len(parts)), parts)
    axes.set_yticks(range(len(levels)), [f"level {level}" for level in levels])
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    cells: List[Tuple[int, int]] = [
        (row, column) for (row, column), value in np.ndenumerate(values) if not np.isnan(value)
    ]
    for row, column in cells:
        axes.text(
            column,
            row,
            form.format(values[row, column]),
            ha="center",
            va="center",
            size=9,
            color="white" if dark[row, column] else "black",
        )
