"""A profile as a value: milliseconds of each part, and of the whole."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Dict, FrozenSet, List, Mapping, Sequence, Tuple

import numpy as np

from runtime.errors import InvalidInput
from runtime.experiments.measure import Measure
from runtime.experiments.profile.layer_map import ENCODER_PARTS, Place, PlaceOf

LayerTimes = Mapping[str, float]
"""Milliseconds of one pass by the name of the layer; names may be those of fused layers."""

LOW, HIGH = 10, 90


@dataclass(frozen=True)
class Profile:
    """What one model costs on one backend.

    Attributes:
        model: its name.
        backend: library and precision, in words.
        parts: milliseconds of each part: median, and the 10th and 90th percentile.
        rest: milliseconds of layers that belong to no part, reformatting among them.
        layers: milliseconds of all layers together.
        forward: milliseconds of a pass that no profiler disturbed.
        narrowed: blocks that pruning made narrower, such as `block 1`.
    """

    model: str
    backend: str
    parts: Mapping[Place, Measure]
    rest: Measure
    layers: Measure
    forward: Measure
    narrowed: FrozenSet[str] = frozenset()

    @property
    def levels(self) -> Tuple[int, ...]:
        """Levels of the pyramid, the finest first."""
        return tuple(sorted({place.level for place in self.parts if place.level is not None}))

    def encoder_parts(self) -> Tuple[str, ...]:
        """Those that were seen on some level, in the order of execution."""
        seen = {place.part for place in self.parts if place.level is not None}
        return tuple(part for part in ENCODER_PARTS if part in seen)

    def level_ms(self, level: int) -> float:
        """The sum of a level's parts."""
        return sum(m.mean for place, m in self.parts.items() if place.level == level)


def profile_from_passes(
    names: Tuple[str, str],
    passes: Sequence[LayerTimes],
    forwards: Sequence[float],
    place_of: PlaceOf,
    narrowed: FrozenSet[str] = frozenset(),
) -> Profile:
    """Sums the layers of each pass by part, and takes the medians over the passes.

    Args:
        names: of the model and of the backend.
        passes: layer times of each profiled pass.
        forwards: milliseconds of whole passes without a profiler.
        place_of: tells the parts.
        narrowed: see `Profile`.

    Raises:
        InvalidInput: there is no pass, or no layer of it belongs to a SwiftNet.
    """
    if not passes or not forwards:
        raise InvalidInput("nothing was timed", "Ask for one repetition at least")
    sums: List[Dict[Place, float]] = []
    rests: List[float] = []
    for times in passes:
        parts: Dict[Place, float] = {}
        rest = 0.0
        for layer, milliseconds in times.items():
            place = place_of(layer)
            if place is None:
                rest += milliseconds
            else:
                parts[place] = parts.get(place, 0.0) + milliseconds
        sums.append(parts)
        rests.append(rest)
    places = {place for parts in sums for place in parts}
    if not places:
        raise InvalidInput(
            f"none of the {len(passes[0])} layers of {names[0]} has a name of SwiftNet's",
            "Profile an engine that `runtime build-engine` made",
        )
    return Profile(
        model=names[0],
        backend=names[1],
        parts={place: spread([parts.get(place, 0.0) for parts in sums]) for place in places},
        rest=spread(rests),
        layers=spread([sum(times.values()) for times in passes]),
        forward=spread(forwards),
        narrowed=narrowed,
    )


def spread(milliseconds: Sequence[float]) -> Measure:
    """The median as the `mean` of a measure, with the 10th and 90th percentile as its range."""
    low, median, high = np.percentile(milliseconds, (LOW, 50, HIGH))
    return Measure(float(median), float(low), float(high), len(milliseconds))


def not_faster(profile: Profile, whole: Profile) -> Tuple[str, ...]:
    """A sentence for each narrowed block that is not clearly faster than in the whole network.

    Clearly faster is below the 10th percentile of the whole network's times. The study saw it on
    the smallest maps: they are too small to keep a device busy, whatever their width.
    """
    found: List[str] = []
    for place in sorted(profile.parts, key=lambda each: (each.level or 0, each.part)):
        pruned, full = profile.parts[place], whole.parts.get(place)
        if place.part in profile.narrowed and full is not None and pruned.mean >= full.low:
            found.append(
                f"{profile.model}, level {place.level}, {place.part}: {pruned.mean:.2f} ms is not "
                f"clearly faster than {full.mean:.2f} ms of {whole.model} on {profile.backend}"
            )
    if profile.forward.mean >= whole.forward.low:
        found.append(
            f"{profile.model}: its forward pass of {profile.forward.mean:.2f} ms is not clearly "
            f"faster than {whole.forward.mean:.2f} ms of {whole.model} on {profile.backend}"
        )
    return tuple(found)
