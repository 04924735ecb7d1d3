"""The plan of a structured pruning: which channels stay, and all that this followed from.

A plan is plain JSON, sorted and with a line per group and property, so that two plans can be
compared by eye and by `diff`. It belongs to one checkpoint and says which.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any, Dict, Optional, Tuple

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator
from typing_extensions import Literal

from runtime.builder.pruning.dependencies import groups_of
from runtime.builder.pruning.latency import Prediction
from runtime.builder.pruning.pruned_architecture import architecture_after
from runtime.builder.pruning.request import PruningRequest
from runtime.builder.swiftnet import Architecture
from runtime.errors import InvalidInput, RuntimeFault
from runtime.files.atomic import write_whole
from runtime.files.text import read_text
from runtime.files.validation import first_complaint


class GroupPlan(BaseModel):
    """The fate of one group.

    Attributes:
        channels: how many it has in the checkpoint.
        kept: positions of those that stay, ascending.
        scores: the importance of each channel when it was judged last.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    channels: int = Field(ge=1)
    kept: Tuple[int, ...]
    scores: Tuple[float, ...]

    @model_validator(mode="after")
    def _consistent(self) -> GroupPlan:
        if len(self.scores) != self.channels:
            raise ValueError(f"{self.channels} channels have {len(self.scores)} scores")
        ascending = list(self.kept) == sorted(set(self.kept))
        if not self.kept or not ascending or self.kept[0] < 0 or self.kept[-1] >= self.channels:
            raise ValueError(
                f"the kept channels must be ascending numbers from 0 to {self.channels - 1}, "
                "at least one"
            )
        return self


class PruningPlan(BaseModel):
    """Which channels of a checkpoint's network stay.

    Attributes:
        checkpoint_sha256: of the file that the plan was made for.
        architecture: of its network, as `Architecture.to_dict` gives it.
        widths: of the network after pruning, as `Widths.to_dict` gives them.
        features: channels of its decoder.
        request: what was asked for.
        pictures: SHA-256 by name of the images that guided the importance `context`; empty for
            others.
        latency: what the plan promises, where it was made for a budget.
        groups: by name, every group of the network.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    format: Literal["swiftnet-runtime pruning plan"] = "swiftnet-runtime pruning plan"
    format_version: Literal[1] = 1
    checkpoint_sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
    architecture: Dict[str, Any]
    widths: Dict[str, Any]
    features: int
    request: PruningRequest
    pictures: Dict[str, str] = {}
    latency: Optional[Prediction] = None
    groups: Dict[str, GroupPlan]

    @model_validator(mode="after")
    def _describes_its_network(self) -> PruningPlan:
        channels = {group.name: group.channels for group in groups_of(self.before)}
        planned = {name: group.channels for name, group in self.groups.items()}
        if planned != channels:
            other = min(set(planned.items()) ^ set(channels.items()))[0]
            raise ValueError(f"group {other} is not as in the network that the plan describes")
        after = self.after
        if (after.widths.to_dict(), after.features) != (self.widths, self.features):
            raise ValueError("the widths are not those of the kept channels")
        return self

    @property
    def before(self) -> Architecture:
        """The network that is pruned."""
        return Architecture.from_dict(self.architecture)

    @property
    def after(self) -> Architecture:
        """The network that is left."""
        kept = {name: len(group.kept) for name, group in self.groups.items()}
        return architecture_after(self.before, kept)

    @property
    def text(self) -> str:
        """The plan as it is written to disk; equal plans give equal bytes."""
        unused: Dict[str, Any] = {
            **({} if self.pictures else {"pictures": True}),
            **({} if self.latency else {"latency": True}),
            **({} if self.request.budget_ms else {"request": {"budget_ms"}}),
        }
        return f"{_laid_out(self.model_dump(mode='json', exclude=unused))}\n"

    @property
    def sha256(self) -> str:
        """SHA-256 of the plan as it is written to its file."""
        return hashlib.sha256(self.text.encode()).hexdigest()


def write_plan(path: Path, plan: PruningPlan) -> None:
    """Writes a plan atomically: `path` holds the old file or the whole new one.

    Args:
        path: of the JSON file.
        plan: to be written.
    """
    write_whole(path, plan.text.encode())


def plan_from_file(path: Path) -> PruningPlan:
    """Reads what `write_plan` wrote.

    Raises:
        InvalidInput: there is no such file, or it is no consistent plan.
    """
    try:
        return PruningPlan.model_validate_json(read_text(path))
    except (OSError, ValidationError, RuntimeFault) as error:
        raise InvalidInput(
            f"{path} is not a pruning plan: {_reason(error)}",
            "Make one with `runtime prune --plan-only`, and change no more than the kept channels, "
            "widths and features of it",
        ) from error


def _reason(error: Exception) -> str:
    if isinstance(error, ValidationError):
        return first_complaint(error)
    if isinstance(error, RuntimeFault):
        return error.problem
    return str(error)


def _laid_out(value: Any, indent: str = "") -> str:
    """JSON with sorted keys and one line for each list."""
    if not isinstance(value, dict) or not value:
        return json.dumps(value, sort_keys=True, allow_nan=False)
    inner = indent + " "
    items = [f"{inner}{json.dumps(key)}: {_laid_out(value[key], inner)}" for key in sorted(value)]
    return "{\n" + ",\n".join(items) + f"\n{indent}}}"
