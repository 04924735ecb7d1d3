"""Channels of several groups in one line, the least important first."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass
from typing import Dict, List, Mapping, Sequence, Tuple

import numpy as np

from runtime.builder.pruning.groups import Group
from runtime.builder.pruning.request import PruningRequest

Scores = Mapping[str, np.ndarray]
"""The importance of each channel, with a mean of 1, by the group's name."""


@dataclass(frozen=True)
class Ranking:
    """In which order channels of different groups go.

    Attributes:
        channels: by group, how many it has.
        order: the group of each channel that may go, least important first. Which of its channels
            it is follows from the group's own scores.
    """

    channels: Mapping[str, int]
    order: Tuple[str, ...]

    @classmethod
    def of(
        cls,
        chosen: Sequence[Group],
        scores: Scores,
        request: PruningRequest,
        price: Mapping[str, float],
    ) -> Ranking:
        """Ranks by score divided by the group's price; equals stand in the order of the network.

        The best channels of each group, as many as floor and cap protect, are left out.

        Args:
            chosen: groups that may become narrower.
            scores: by group, (channels,) float64.
            request: with the floor and the cap of a group.
            price: by group, what one channel of it costs.
        """
        voters = [group for group in chosen if not group.follows]
        ranked: List[Tuple[float, int, str]] = []
        for place, group in enumerate(voters):
            fewest = max(request.floor, math.ceil(round(group.channels * (1 - request.cap), 6)))
            removable = np.sort(scores[group.name])[: max(0, group.channels - fewest)]
            ranked += [(score / price[group.name], place, group.name) for score in removable]
        return cls(
            channels={group.name: group.channels for group in voters},
            order=tuple(name for _, _, name in sorted(ranked)),
        )

    @property
    def total(self) -> int:
        """Channels of all ranked groups, those that must stay included."""
        return sum(self.channels.values())

    def without(self, removed: int) -> Dict[str, int]:
        """Channels left in each group when the first `removed` are gone."""
        gone = Counter(self.order[:removed])
        return {name: channels - gone[name] for name, channels in self.channels.items()}
