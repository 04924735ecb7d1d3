"""The multiple-choice knapsack: an option of each group, so much saved, as little lost as possible.

Minimise the sum of what the chosen options lose, subject to the sum of what they save reaching a
target, with exactly one option chosen in every group. Solved by dynamic programming over the target
cut into equal steps. Shen et al., "Structural pruning via latency-saliency knapsack" (NeurIPS 2022,
HALP), choose channels on measured latencies this way; here a group's channels go in the order of
their importance, so that a width says all.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import List, Optional, Sequence, Tuple

import numpy as np

STEPS = 20_000
"""Parts of the target; what an option saves is rounded down to whole ones, so it is reached."""


@dataclass(frozen=True)
class Option:
    """One width of a group.

    Attributes:
        width: channels that stay.
        saved: of what is scarce, zero or more.
        lost: importance of the channels that go, zero or more.
    """

    width: int
    saved: float
    lost: float


def cheapest(groups: Sequence[Sequence[Option]], target: float) -> Optional[Tuple[Option, ...]]:
    """The options, one of each group, that save `target` and together lose least.

    Args:
        groups: the options of each; at least one per group.
        target: above zero, in the unit of `Option.saved`.

    Returns:
        None where even the options that save most do not reach the target.
    """
    step = target / STEPS
    # least[s]: the smallest loss with which the groups so far save s steps; STEPS means "or more".
    least = np.full(STEPS + 1, np.inf)
    least[0] = 0.0
    chosen: List[np.ndarray] = []
    before: List[np.ndarray] = []
    for options in groups:
        after = np.full(STEPS + 1, np.inf)
        choice = np.full(STEPS + 1, -1)
        origin = np.full(STEPS + 1, -1)
        for number, option in enumerate(options):
            losses, sources = _moved(least, min(_steps(option.saved, step), STEPS))
            better = losses + option.lost < after
            after[better] = losses[better] + option.lost
            choice[better], origin[better] = number, sources[better]
        least = after
        chosen.append(choice)
        before.append(origin)
    if not math.isfinite(least[STEPS]):
        # Rounded down, the most that can be saved may stay a step below a target that it reaches.
        most = tuple(max(options, key=lambda each: (each.saved, -each.lost)) for options in groups)
        return most if sum(option.saved for option in most) >= target else None
    picked: List[Option] = []
    state = STEPS
    for options, choice, origin in zip(reversed(groups), reversed(chosen), reversed(before)):
        picked.append(options[int(choice[state])])
        state = int(origin[state])
    return tuple(reversed(picked))


def _moved(least: np.ndarray, steps: int) -> Tuple[np.ndarray, np.ndarray]:
    """The losses when so many more steps are saved, and the state that each of them comes from."""
    sources = np.arange(STEPS + 1) - steps
    losses = np.full(STEPS + 1, np.inf)
    losses[steps:] = least[: STEPS + 1 - steps]
    # Everything beyond the last step ends there: the cheapest of it counts.
    sources[STEPS] = STEPS - steps + int(np.argmin(least[STEPS - steps :]))
    losses[STEPS] = least[sources[STEPS]]
    return losses, sources


def _steps(saved: float, step: float) -> int:
    # A billionth more, so that a sum of exact tenths is not lost to the last bit.
    return math.floor(saved / step * (1 + 1e-9))
