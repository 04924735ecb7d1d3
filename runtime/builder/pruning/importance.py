"""How important each channel of a group is: one score per channel, comparable between groups.

Each convolution and each norm of a group scores the channels by itself. Those scores are divided by
their mean before they are averaged: otherwise the members with the largest filters would decide
alone. The mean of a group's scores is therefore 1.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass, field
from typing import Callable, Dict, Iterator, List, Mapping

import numpy as np

from runtime.builder.pruning.groups import INPUTS, OUTPUTS, Group
from runtime.errors import InvalidConfig, InvalidInput

State = Mapping[str, np.ndarray]
"""A network's state_dict as float64 arrays."""
NORM_EPSILON = 1e-5  # torch's, which the family leaves as it is
SIGNIFICANT_DIGITS = 6
CONTEXT, GUIDED = "context", "bn"  # the importance that images guide, and what they guide


@dataclass(frozen=True)
class Importance:
    """A way to score channels.

    Attributes:
        name: as in IMPORTANCES, or `context`: as `bn`, times the guidance.
        seed: of the random one.
        guidance: for `context` alone, by group, (channels,) numbers; see `context`.
    """

    name: str = "l1"
    seed: int = 0
    guidance: Mapping[str, np.ndarray] = field(default_factory=dict)

    def __post_init__(self) -> None:
        names = (*IMPORTANCES, CONTEXT)
        if self.name not in names:
            raise InvalidConfig(
                f"there is no importance {self.name!r}", f"Choose one of {', '.join(names)}"
            )
        if (self.name == CONTEXT) != bool(self.guidance):
            verb = "takes no" if self.guidance else "lacks its"
            raise InvalidInput(
                f"the importance {self.name} {verb} guidance",
                f"Measure a context for {CONTEXT}, and for no other",
            )

    def scores(self, group: Group, state: State) -> np.ndarray:
        """The scores of a group's channels, (channels,) float64, rounded to six digits.

        Rounding keeps the order of summation, which differs between machines, out of the ranking.

        Args:
            group: whose channels are scored.
            state: the network's tensors by name.

        Raises:
            InvalidInput: the weights are not finite.
        """
        rule = IMPORTANCES[GUIDED if self.name == CONTEXT else self.name]
        with np.errstate(invalid="ignore"):
            scores = rule(group, state, self.seed)
            if self.name == CONTEXT:
                scores = _averaged([scores * self.guidance[group.name]])
        if not np.isfinite(scores).all():
            raise InvalidInput(
                f"the weights of {group.name}, such as {group.writers[0].weight}, are not finite",
                "Take an earlier checkpoint: the training has diverged",
            )
        return np.array([float(f"{score:.{SIGNIFICANT_DIGITS}g}") for score in scores])


def _by_filters(norm: Callable[[np.ndarray], np.ndarray]) -> _Rule:
    """Scores by the filters that write a channel and the slices that read it.

    The writing side alone says little: a batch norm behind it undoes any scale of a filter.
    Li et al., "Pruning filters for efficient ConvNets", ICLR 2017, rank by the former alone.
    """

    def rule(group: Group, state: State, _: int) -> np.ndarray:
        parts = [norm(state[member.weight]) for member in group.writers]
        for member in group.readers:
            reading = np.moveaxis(state[member.weight], INPUTS, OUTPUTS)
            parts.append(norm(reading[member.offset : member.offset + group.channels]))
        return _averaged(parts)

    return rule


def _sum_of_magnitudes(weight: np.ndarray) -> np.ndarray:
    sums: np.ndarray = np.abs(weight).reshape(len(weight), -1).sum(1)
    return sums


def _euclidean(weight: np.ndarray) -> np.ndarray:
    lengths: np.ndarray = np.linalg.norm(weight.reshape(len(weight), -1), axis=1)
    return lengths


def _by_norm_scale(group: Group, state: State, _: int) -> np.ndarray:
    """|gamma| of every norm that the channel passes (Liu et al., "Network slimming", ICCV 2017)."""
    return _averaged(list(_norm_scales(group, state)))


def _norm_scales(group: Group, state: State) -> Iterator[np.ndarray]:
    for norm, offset in group.norms():
        yield np.abs(state[f"{norm}.weight"][offset : offset + group.channels])


def _by_folded_filters(group: Group, state: State, _: int) -> np.ndarray:
    """L1 norm of the filters that will really run: those with each level's norm folded in.

    s[c] = mean over levels p of |W_c|_1 * |gamma_pc| / sqrt(var_pc + epsilon), per writer.
    """
    parts: List[np.ndarray] = []
    for member in group.writers:
        folded = [
            np.abs(state[f"{norm}.weight"]) / np.sqrt(state[f"{norm}.running_var"] + NORM_EPSILON)
            for norm in member.norms
        ]
        scale = np.mean(folded, axis=0) if folded else 1.0
        parts.append(_sum_of_magnitudes(state[member.weight]) * scale)
    return _averaged(parts)


def _random(group: Group, _: State, seed: int) -> np.ndarray:
    """The control: scores that know nothing. Each group has its own stream of numbers."""
    numbers = np.random.default_rng([seed, zlib.crc32(group.name.encode())])
    return _averaged([numbers.uniform(0.5, 1.5, group.channels)])


def _averaged(parts: List[np.ndarray]) -> np.ndarray:
    """The mean of the parts, each divided by its own mean; an all-zero part stays zero."""
    relative = [part / (part.mean() or 1.0) for part in parts]
    mean: np.ndarray = np.mean(relative, axis=0)
    return mean


_Rule = Callable[[Group, State, int], np.ndarray]

IMPORTANCES: Dict[str, _Rule] = {
    "l1": _by_filters(_sum_of_magnitudes),
    "l2": _by_filters(_euclidean),
    "bn": _by_norm_scale,
    "pyramid": _by_folded_filters,
    "random": _random,
}
