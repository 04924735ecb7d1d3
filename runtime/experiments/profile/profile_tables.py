"""Profiles as tables: levels and blocks as the study's appendix has them, then the whole pass."""

from __future__ import annotations

from typing import Dict, List, Optional, Sequence, Tuple

from runtime.experiments.measure import Measure, exactly
from runtime.experiments.profile.layer_map import DECODER_PARTS, ENCODER_PARTS, Place
from runtime.experiments.profile.profile import Profile
from runtime.experiments.table import Cell, Column, Table


def level_table(profiles: Sequence[Profile]) -> Table:
    """Milliseconds per pyramid level and block: a row for each level of each model."""
    rows = [
        (level, profile)
        for level in sorted({level for profile in profiles for level in profile.levels})
        for profile in profiles
        if level in profile.levels
    ]
    columns = [
        Column("level", tuple(str(level) for level, _ in rows)),
        Column("model", tuple(profile.model for _, profile in rows)),
        Column("backend", tuple(profile.backend for _, profile in rows)),
    ]
    for part in ENCODER_PARTS:
        cells = tuple(_median(profile.parts.get(Place(part, level))) for level, profile in rows)
        columns.append(Column(part, cells))
    sums = tuple(exactly(profile.level_ms(level)) for level, profile in rows)
    columns.append(Column("level, ms", sums))
    return Table("levels", "Milliseconds per pyramid level and residual block", tuple(columns))


def forward_table(profiles: Sequence[Profile]) -> Table:
    """Milliseconds of the whole pass: a row for each model on each backend."""
    columns = [
        Column("model", tuple(profile.model for profile in profiles)),
        Column("backend", tuple(profile.backend for profile in profiles)),
        Column("encoder", tuple(exactly(_encoder_ms(profile)) for profile in profiles)),
    ]
    columns += [
        *(
            Column(part, tuple(_median(profile.parts.get(Place(part))) for profile in profiles))
            for part in DECODER_PARTS
        ),
        Column("rest", tuple(_median(profile.rest) for profile in profiles)),
        Column("all layers", tuple(_median(profile.layers) for profile in profiles)),
        Column("forward pass, ms", tuple(profile.forward for profile in profiles)),
        Column("times as fast", _speed_ups(profiles)),
    ]
    title = "Milliseconds of the forward pass; the last columns without a profiler"
    return Table("forward", title, tuple(columns))


def by_backend(profiles: Sequence[Profile]) -> Dict[str, List[Profile]]:
    """Profiles that may be compared, the whole network first."""
    groups: Dict[str, List[Profile]] = {}
    for profile in profiles:
        groups.setdefault(profile.backend, []).append(profile)
    return groups


def _speed_ups(profiles: Sequence[Profile]) -> Tuple[Cell, ...]:
    first = {backend: group[0] for backend, group in by_backend(profiles).items()}
    return tuple(
        exactly(first[profile.backend].forward.mean / profile.forward.mean) for profile in profiles
    )


def _encoder_ms(profile: Profile) -> float:
    return sum(profile.level_ms(level) for level in profile.levels)


def _median(measure: Optional[Measure]) -> Optional[Measure]:
    """Without its range, which would make the table unreadable."""
    return None if measure is None else exactly(measure.mean)
