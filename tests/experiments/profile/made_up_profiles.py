"""Profiles without a clock: every part takes as long as a test says."""

from __future__ import annotations

from typing import Dict, Iterable, Optional

from runtime.experiments.profile.layer_map import Place
from runtime.experiments.profile.profile import Profile, profile_from_passes

STEM, FIRST, FAR = Place("stem", 0), Place("block 1", 0), Place("block 1", 1)
CLASSIFIER = Place("classifier")
WHOLE: Dict[Optional[Place], float] = {STEM: 1.0, FIRST: 4.0, FAR: 1.0, CLASSIFIER: 0.5, None: 0.25}


def profile(
    model: str = "full",
    changes: Optional[Dict[Optional[Place], float]] = None,
    forward: float = 6.0,
    narrowed: Iterable[str] = (),
    backend: str = "torch fp32",
) -> Profile:
    """A profile of ten equal passes; `changes` to the milliseconds of `WHOLE`."""
    layers = {str(place): (place, ms) for place, ms in {**WHOLE, **(changes or {})}.items()}
    times = {name: ms for name, (_, ms) in layers.items()}
    return profile_from_passes(
        (model, backend),
        [times] * 10,
        [forward] * 10,
        lambda name: layers[name][0],
        frozenset(narrowed),
    )
