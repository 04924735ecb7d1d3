"""Milliseconds that narrower groups save on a target: measured once, then used for any budget."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any, Dict, List, Mapping, Optional, Sequence, Tuple

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from typing_extensions import Literal

from runtime.builder.pruning.groups import Group
from runtime.builder.pruning.knapsack import Option, cheapest
from runtime.builder.pruning.ranking import Scores
from runtime.builder.swiftnet import Architecture
from runtime.errors import InvalidInput
from runtime.files.atomic import write_whole
from runtime.files.validation import first_complaint

Widths = Mapping[str, Sequence[int]]
"""Widths that each group may be given, its own included, by the group's name."""


class LatencyTable(BaseModel):
    """What a target was measured to save when one group alone becomes narrower.

    Any device's table can be written in this form, and used where the device is not.

    Attributes:
        machine: in words, what it was measured on.
        backend: library and precision, such as `openvino int8`.
        size: rows and columns of the image.
        architecture: of the whole network, as `Architecture.to_dict` gives it.
        whole_ms: milliseconds of the whole network.
        saved_ms: by group and then by width, milliseconds less than the whole; 0 where noise is
            all that was seen.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    format: Literal["swiftnet-runtime latency table"] = "swiftnet-runtime latency table"
    format_version: Literal[1] = 1
    machine: str
    backend: str
    size: Tuple[int, int]
    architecture: Dict[str, Any]
    whole_ms: float = Field(gt=0)
    saved_ms: Dict[str, Dict[int, float]]

    @property
    def sha256(self) -> str:
        """SHA-256 of what the table says."""
        return hashlib.sha256(self.model_dump_json().encode()).hexdigest()

    def predicted(self, kept: Mapping[str, int]) -> float:
        """Milliseconds when groups have these widths, if savings add up, which is an assumption."""
        saved = (self.saved_ms.get(name, {}).get(width, 0.0) for name, width in kept.items())
        return self.whole_ms - sum(saved)

    def require_architecture(self, architecture: Architecture) -> None:
        """Refuses a network that the table was not measured with.

        Raises:
            InvalidInput: it is another.
        """
        if Architecture.from_dict(self.architecture) != architecture:
            raise InvalidInput(
                "the latency table was measured with a network of another geometry",
                "Measure one with `runtime profile CHECKPOINT --latency-table FILE`",
            )


class Prediction(BaseModel):
    """What a plan promises on the target of a table.

    Attributes:
        table_sha256: of the latency table.
        backend: of the table, its precision included.
        whole_ms: of the whole network.
        predicted_ms: of the pruned one.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    table_sha256: str
    backend: str
    whole_ms: float
    predicted_ms: float


def widths_within(
    budget_ms: float,
    table: LatencyTable,
    groups: Sequence[Group],
    scores: Scores,
    allowed: Widths,
) -> Dict[str, int]:
    """The widths that keep most importance within a budget.

    Args:
        budget_ms: milliseconds that the pruned network may take.
        table: of the target.
        groups: that may become narrower; of those that share a width the first one is named.
        scores: of their channels.
        allowed: widths of each group; those that the table does not have are left out.

    Raises:
        InvalidInput: the budget cannot be reached, or the whole network is within it.
    """
    target = table.whole_ms - budget_ms
    if target <= 0:
        raise InvalidInput(
            f"a budget of {budget_ms:g} ms is no less than the whole network's "
            f"{table.whole_ms:.2f} ms",
            "Give a smaller one",
        )
    leaders = leaders_of(groups)
    options = [_options(leader, groups, table, scores, allowed) for leader in leaders]
    chosen = cheapest(options, target)
    if chosen is None:
        least = table.whole_ms - sum(max(o.saved for o in each) for each in options)
        raise InvalidInput(
            f"a budget of {budget_ms:g} ms is out of reach: the chosen blocks at their narrowest "
            f"take {least:.2f} of {table.whole_ms:.2f} ms",
            "Give a larger one, choose more blocks or a larger --cap",
        )
    return {leader.name: option.width for leader, option in zip(leaders, chosen)}


def leaders_of(groups: Sequence[Group]) -> List[Group]:
    """The first of all groups that share a width; parts that follow another are left out."""
    voters = [group for group in groups if not group.follows]
    return [
        group
        for place, group in enumerate(voters)
        if not any(group.shares_width_with(earlier) for earlier in voters[:place])
    ]


def _options(
    group: Group,
    groups: Sequence[Group],
    table: LatencyTable,
    scores: Scores,
    allowed: Widths,
) -> List[Option]:
    """The whole group, and each width that the table knows; all that share the width lose."""
    saved = table.saved_ms.get(group.name, {})
    losers = [each for each in groups if each.shares_width_with(group) and not each.follows]
    sums = sum(np.cumsum(np.sort(scores[each.name])) for each in losers)
    ascending = np.concatenate([[0.0], np.asarray(sums)])
    options = [Option(group.channels, 0.0, 0.0)]
    for width in sorted(set(allowed[group.name]) & set(saved), reverse=True):
        if width < group.channels:
            lost = float(ascending[group.channels - width])
            options.append(Option(width, max(0.0, saved[width]), lost))
    return options


def write_latency_table(path: Path, table: LatencyTable) -> None:
    """Writes it whole.

    Args:
        path: of the JSON file.
        table: to be written.
    """
    write_whole(path, (table.model_dump_json(indent=1) + "\n").encode())


def latency_table_from_file(path: Optional[Path]) -> Optional[LatencyTable]:
    """Reads what `write_latency_table` wrote; None of no path.

    Raises:
        InvalidInput: there is no such file, or it is no latency table.
    """
    if path is None:
        return None
    cure = "Measure one with `runtime profile CHECKPOINT --latency-table FILE`"
    try:
        return LatencyTable.model_validate_json(path.read_bytes())
    except OSError as error:
        raise InvalidInput(
            f"no latency table can be read at {path}: {error.strerror}", cure
        ) from error
    except ValidationError as wrong:
        raise InvalidInput(
            f"{path} is not a latency table: {first_complaint(wrong)}", cure
        ) from wrong
