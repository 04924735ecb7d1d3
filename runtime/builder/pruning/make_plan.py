"""From a checkpoint and a request to a plan."""

from __future__ import annotations

from typing import Dict, Optional, Sequence

import numpy as np

from runtime.builder.checkpoint import Checkpoint
from runtime.builder.pruning.allocation import allocated
from runtime.builder.pruning.channel_costs import ChannelCosts
from runtime.builder.pruning.context import Context
from runtime.builder.pruning.dependencies import groups_of
from runtime.builder.pruning.groups import Group
from runtime.builder.pruning.importance import Importance
from runtime.builder.pruning.latency import LatencyTable, Prediction
from runtime.builder.pruning.plan import GroupPlan, PruningPlan
from runtime.builder.pruning.pruned_architecture import architecture_after
from runtime.builder.pruning.request import PruningRequest

Channels = Dict[str, np.ndarray]
"""Positions of channels, ascending, by the group's name."""


def plan_from_checkpoint(
    checkpoint: Checkpoint,
    request: PruningRequest,
    context: Optional[Context] = None,
    table: Optional[LatencyTable] = None,
) -> PruningPlan:
    """Which channels of the checkpoint's network stay.

    How many each group keeps is decided on the whole network. They are reached in
    `request.rounds`; after each, what is left is scored without what is gone.

    Args:
        checkpoint: the trained network.
        request: what to remove.
        context: what images say, for the importance `context` alone; measured on the whole
            network, whatever the rounds.
        table: what narrower groups save on the target, for the allocation `latency` alone.

    Raises:
        InvalidInput: the request does not fit the network, the weights are not finite, or a
            context is missing or of no use.
    """
    groups = groups_of(checkpoint.architecture)
    guidance = {} if context is None else context.guidance
    importance = Importance(request.importance, request.seed, guidance)
    if table is not None:
        table.require_architecture(checkpoint.architecture)
    judged = _Judged(checkpoint, groups, importance)
    widths = allocated(
        groups,
        judged.scores,
        request,
        lambda: ChannelCosts(checkpoint.architecture, *request.size),
        table,
    )
    after = architecture_after(checkpoint.architecture, widths)
    for number in range(1, request.rounds + 1):
        if number > 1:
            judged.judge_again()
        share = number / request.rounds
        judged.narrow(
            {group.name: _on_the_way(group.channels, widths[group.name], share) for group in groups}
        )
    return PruningPlan(
        checkpoint_sha256=checkpoint.sha256,
        architecture=checkpoint.architecture.to_dict(),
        widths=after.widths.to_dict(),
        features=after.features,
        request=request,
        pictures={} if context is None else dict(context.images),
        latency=None if table is None else _prediction(table, widths),
        groups={group.name: judged.verdict(group) for group in groups},
    )


def _prediction(table: LatencyTable, widths: Dict[str, int]) -> Prediction:
    return Prediction(
        table_sha256=table.sha256,
        backend=table.backend,
        whole_ms=table.whole_ms,
        predicted_ms=table.predicted(widths),
    )


def control_of(plan: PruningPlan, seed: int) -> PruningPlan:
    """The plan's control: the same widths and checkpoint, but channels drawn at random.

    Args:
        plan: whose widths to keep.
        seed: of the draw.
    """
    importance = Importance("random", seed)
    groups: Dict[str, GroupPlan] = {}
    for group in groups_of(plan.before):
        scores = importance.scores(group, {})
        kept = best(scores, len(plan.groups[group.name].kept))
        groups[group.name] = _verdict(group, kept, scores)
    request = plan.request.model_copy(update={"importance": "random", "seed": seed, "rounds": 1})
    return plan.model_copy(update={"groups": groups, "request": request, "pictures": {}})


def best(scores: np.ndarray, count: int) -> np.ndarray:
    """Positions of the `count` highest scores, ascending; among equals the lower position stays.

    Args:
        scores: (channels,) float64.
        count: how many to choose.
    """
    return np.sort(np.argsort(-scores, kind="stable")[:count])


class _Judged:
    """A network whose channels are scored and go, the least important first.

    Attributes:
        scores: by group, of each channel; those of a channel that is gone stay as they were.
    """

    def __init__(
        self, checkpoint: Checkpoint, groups: Sequence[Group], importance: Importance
    ) -> None:
        self._groups = groups
        self._importance = importance
        self._state = {
            key: tensor.double().numpy() for key, tensor in checkpoint.model.state_dict().items()
        }
        self._kept: Channels = {group.name: np.arange(group.channels) for group in groups}
        self.scores = {group.name: importance.scores(group, self._state) for group in groups}

    def narrow(self, widths: Dict[str, int]) -> None:
        """Takes channels away until the groups have these widths."""
        for name, left in self._kept.items():
            self._kept[name] = left[best(self.scores[name][left], widths[name])]

    def judge_again(self) -> None:
        """Scores what is left as if the rest were cut away: with zeroes in its place."""
        for group in self._groups:
            gone = np.setdiff1d(np.arange(group.channels), self._kept[group.name])
            for slot in group.slots():
                np.moveaxis(self._state[slot.tensor], slot.axis, 0)[slot.offset + gone] = 0
        for group in self._groups:
            left = self._kept[group.name]
            self.scores[group.name][left] = self._importance.scores(group, self._state)[left]

    def verdict(self, group: Group) -> GroupPlan:
        return _verdict(group, self._kept[group.name], self.scores[group.name])


def _verdict(group: Group, kept: np.ndarray, scores: np.ndarray) -> GroupPlan:
    return GroupPlan(
        channels=group.channels, kept=tuple(kept.tolist()), scores=tuple(scores.tolist())
    )


def _on_the_way(before: int, after: int, share: float) -> int:
    """A width between two, so that equal steps of `share` remove equal shares of what is left."""
    return round(before * float((after / before) ** share))
