"""What is profiled: a network or a build, opened on a backend, one pass at a time."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Dict, FrozenSet, List, Mapping, Optional, Sequence, Tuple

from typing_extensions import Protocol

from runtime.builder.pruning.dependencies import groups_of
from runtime.builder.swiftnet import Architecture
from runtime.experiments.profile.layer_map import places_in
from runtime.experiments.profile.profile import LayerTimes, Profile, profile_from_passes
from runtime.names import shown

WARM_UP_PASSES = 3


class Timed(Protocol):
    """A network that runs on some backend."""

    @property
    def backend(self) -> str:
        """Library and precision, in words."""

    def forward(self) -> float:
        """Milliseconds of one pass that nothing disturbs."""

    def layers(self) -> LayerTimes:
        """Milliseconds of the layers of one pass."""


@dataclass(frozen=True)
class Model:
    """A network to be profiled.

    Attributes:
        name: for the tables.
        architecture: its geometry.
    """

    name: str
    architecture: Architecture


def profile_models(models: Sequence[Tuple[Model, Timed]], repetitions: int) -> List[Profile]:
    """Profiles all of them in turns, so that a machine that slows down does so for all.

    Args:
        models: their backends; the first is the whole network.
        repetitions: passes that count; a few before them do not.

    Raises:
        InvalidInput: no layer of a model belongs to a SwiftNet.
    """
    passes: List[List[LayerTimes]] = [[] for _ in models]
    forwards: List[List[float]] = [[] for _ in models]
    for number in range(WARM_UP_PASSES + repetitions):
        for index, (_, timed) in enumerate(models):
            forward, layers = timed.forward(), timed.layers()
            if number >= WARM_UP_PASSES:
                forwards[index].append(forward)
                passes[index].append(layers)
    whole = models[0][0].architecture
    return [
        profile_from_passes(
            (model.name, timed.backend),
            passes[index],
            forwards[index],
            places_in(model.architecture.encoder),
            narrowed_blocks(model.architecture, whole),
        )
        for index, (model, timed) in enumerate(models)
    ]


def narrowed_blocks(pruned: Architecture, whole: Architecture) -> FrozenSet[str]:
    """Encoder blocks in which some group has fewer channels than in the whole network.

    Args:
        pruned: the network to mark.
        whole: the network that it is compared with.
    """
    if pruned.encoder != whole.encoder:
        return frozenset()
    channels: Mapping[str, int] = {group.name: group.channels for group in groups_of(pruned)}
    return frozenset(
        f"block {group.block}"
        for group in groups_of(whole)
        if group.block is not None and channels.get(group.name, group.channels) < group.channels
    )


def numbered(names: Sequence[str]) -> List[str]:
    """Names that are all different: the second of a name becomes `name (2)`, and so on."""
    seen: Dict[str, int] = {}
    result: List[str] = []
    for name in names:
        seen[name] = seen.get(name, 0) + 1
        result.append(name if seen[name] == 1 else f"{name} ({seen[name]})")
    return result


def name_of(path: Path, known: Optional[str] = None) -> str:
    """What a model is called: the engine's name, or that of the folder of a checkpoint.pt."""
    if known is not None:
        return known
    return shown(path.resolve().parent.name if path.stem == "checkpoint" else path.stem)
