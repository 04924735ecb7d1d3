"""How many channels each group keeps."""

from __future__ import annotations

import math
from collections import defaultdict
from typing import Callable, Dict, List, Mapping, Optional, Sequence, Tuple

from runtime.builder.pruning.channel_costs import ChannelCosts
from runtime.builder.pruning.groups import Group
from runtime.builder.pruning.latency import LatencyTable, widths_within
from runtime.builder.pruning.ranking import Ranking, Scores
from runtime.builder.pruning.request import PruningRequest
from runtime.errors import InvalidInput

Channels = Dict[str, int]
"""How many channels each group keeps, by its name."""


def allocated(
    groups: Sequence[Group],
    scores: Scores,
    request: PruningRequest,
    costs: Callable[[], ChannelCosts],
    table: Optional[LatencyTable] = None,
) -> Channels:
    """The number of channels that each group of a network keeps.

    Args:
        groups: of the whole network.
        scores: of each of them.
        request: says how to choose.
        costs: measures the network; called by the cost-aware allocation alone.
        table: of the target; used by the latency-aware allocation alone.

    Raises:
        InvalidInput: the request does not fit the network, cannot be met, or removes nothing.
    """
    chosen = request.chosen(groups)
    if request.allocation == "local":
        kept = _settled(groups, _by_ratio(chosen, request), request)
    elif request.allocation == "global":
        kept = _settled(groups, _by_rank(chosen, scores, request), request)
    elif request.allocation == "cost":
        kept = _within_budget(groups, chosen, scores, request, costs())
    else:
        kept = _settled(groups, _by_latency(chosen, scores, request, table), request)
    if all(kept[group.name] == group.channels for group in groups):
        raise InvalidInput(
            f"a ratio of {request.ratio:g}, with widths aligned to {request.alignment} and a floor "
            f"of {request.floor}, removes no channel",
            "Remove more, choose wider blocks or align to a smaller number",
        )
    return kept


def _by_ratio(chosen: Sequence[Group], request: PruningRequest) -> Channels:
    """Each group loses its share; a ratio of its own speaks for all groups of the same width."""
    spoken_for = {group.sets for group in chosen if group.name in request.ratios}
    wanted: Channels = {}
    for group in chosen:
        if group.name in request.ratios or group.sets not in spoken_for:
            ratio = request.ratios.get(group.name, request.ratio)
            wanted[group.name] = _round_half_up(group.channels * (1 - ratio))
    return wanted


def _by_rank(chosen: Sequence[Group], scores: Scores, request: PruningRequest) -> Channels:
    ranking = Ranking.of(chosen, scores, request, {group.name: 1.0 for group in chosen})
    removed = round(request.ratio * ranking.total)
    if removed > len(ranking.order):
        raise InvalidInput(
            f"removing {removed} of {ranking.total} channels is not possible: only "
            f"{len(ranking.order)} can go under a cap of {request.cap:g} and a floor of "
            f"{request.floor}",
            "Choose more blocks, a smaller ratio or a larger cap",
        )
    return ranking.without(removed)


def _within_budget(
    groups: Sequence[Group],
    chosen: Sequence[Group],
    scores: Scores,
    request: PruningRequest,
    costs: ChannelCosts,
) -> Channels:
    """The fewest removals that save enough multiply-adds, the least important per saving first."""
    price = {group.name: float(costs.of_one(group.name).macs) for group in chosen}
    ranking = Ranking.of(chosen, scores, request, price)
    whole = costs.after({}).macs

    def kept(removed: int) -> Channels:
        return _settled(groups, ranking.without(removed), request)

    def saved(removed: int) -> float:
        return 1 - costs.after(kept(removed)).macs / whole

    fewest, most = 0, len(ranking.order)
    if saved(most) < request.ratio:
        raise InvalidInput(
            f"saving {request.ratio:.0%} of the multiply-adds is not possible: the chosen groups "
            f"can save {saved(most):.1%} under a cap of {request.cap:g}, a floor of "
            f"{request.floor} and widths aligned to {request.alignment}",
            "Choose more blocks, a smaller ratio, a larger cap or a smaller alignment",
        )
    while fewest < most:
        middle = (fewest + most) // 2
        if saved(middle) < request.ratio:
            fewest = middle + 1
        else:
            most = middle
    return kept(fewest)


def _by_latency(
    chosen: Sequence[Group],
    scores: Scores,
    request: PruningRequest,
    table: Optional[LatencyTable],
) -> Channels:
    """Widths of the table that are aligned and that floor and cap allow, within the budget."""
    if table is None or request.budget_ms is None:
        raise InvalidInput(
            "the allocation latency needs a budget and a table of the target",
            "Give --budget-ms and --latency-table",
        )
    voters = [group for group in chosen if not group.follows]
    allowed = {
        group.name: [
            width
            for width in range(max(request.floor, 1), group.channels + 1)
            if width >= group.channels * (1 - request.cap)
            and _aligned(width, group.channels, request) == width
        ]
        for group in voters
    }
    return widths_within(request.budget_ms, table, voters, scores, allowed)


def _settled(
    groups: Sequence[Group], wanted: Mapping[str, int], request: PruningRequest
) -> Channels:
    """Wishes made possible: aligned, and the largest one where groups share a width."""
    wishes: Dict[Tuple[str, ...], List[int]] = defaultdict(list)
    for group in groups:
        if group.name in wanted and not group.follows:
            wishes[group.sets].append(_aligned(wanted[group.name], group.channels, request))
    return {
        group.name: max(wishes[group.sets]) // group.share if wishes[group.sets] else group.channels
        for group in groups
    }


def _aligned(wanted: int, channels: int, request: PruningRequest) -> int:
    """The nearest multiple of the alignment, not below the floor; never more than there are."""
    if wanted >= channels:
        return channels
    unit = request.alignment
    nearest = _round_half_up(wanted / unit) * unit
    fewest = math.ceil(request.floor / unit) * unit
    return min(channels, max(nearest, fewest))


def _round_half_up(value: float) -> int:
    # Six digits first: 64 * (1 - 0.3) and its like are not exact.
    return math.floor(round(value, 6) + 0.5)
