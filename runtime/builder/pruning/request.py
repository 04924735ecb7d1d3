"""What a pruning is asked to do: every choice that follows from nothing else."""

from __future__ import annotations

from typing import Dict, Iterable, List, Optional, Sequence, Tuple

from pydantic import BaseModel, ConfigDict, ValidationInfo, field_validator, model_validator

from runtime.builder.pruning.choices import AllocationName, ImportanceName, MaskScope
from runtime.builder.pruning.groups import Group
from runtime.errors import InvalidInput

DECODER = "decoder"
BLOCKS = ("1", "2", "3", "4", DECODER)
INT8_ALIGNMENT = 32
SMALLEST_SIDE = 128  # the coarsest stride of three pyramid levels


class PruningRequest(BaseModel):
    """A structured pruning before it meets a checkpoint.

    Attributes:
        blocks: residual blocks of the encoder, `1` to `4`, and `decoder`. The stem goes with
            block 1. Blocks end where the decoder taps the encoder, so one of MobileNetV2's may
            span two stages.
        ratio: the share to remove: of each group's channels (`local`), of all chosen channels
            together (`global`), or of the whole network's multiply-adds (`cost`).
        ratios: by group, for `local` alone: overrides `ratio`, inside and outside of `blocks`.
        allocation: how the ratio is divided among groups; `latency` has a budget instead.
        budget_ms: for `latency` alone: milliseconds that the pruned network may take on the
            target.
        importance: which channels go first; see `importance`.
        seed: of the random importance, and of the positions that `context` looks at.
        alignment: kept widths are multiples of it, so that INT8 kernels waste nothing; 1 for none.
            A group that is no wider stays whole.
        floor: the fewest channels of a group.
        cap: the largest share of a group that all but `local` may remove.
        rounds: the widths are reached in so many steps, and channels scored again after each.
        size: rows and columns of the image that multiply-adds are counted on.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    blocks: Tuple[str, ...] = ()
    ratio: float = 0.5
    ratios: Dict[str, float] = {}
    budget_ms: Optional[float] = None
    allocation: AllocationName = "local"
    importance: ImportanceName = "l1"
    seed: int = 0
    alignment: int = INT8_ALIGNMENT
    floor: int = 1
    cap: float = 0.9
    rounds: int = 1
    size: Tuple[int, int] = (1024, 2048)

    @field_validator("blocks", mode="before")
    @classmethod
    def _known_blocks(cls, blocks: Iterable[object]) -> Tuple[str, ...]:
        named = [str(block) for block in blocks]
        for block in named:
            if block not in BLOCKS:
                raise InvalidInput(
                    f"there is no block {block!r}", f"Choose among {', '.join(BLOCKS)}"
                )
        return tuple(sorted(set(named)))

    @field_validator("alignment", "floor", "rounds", "seed")
    @classmethod
    def _a_count(cls, count: int, info: ValidationInfo) -> int:
        least = 0 if info.field_name == "seed" else 1
        if count < least:
            raise InvalidInput(
                f"the {info.field_name} is {count}", f"Give a whole number from {least} up"
            )
        return count

    @field_validator("size")
    @classmethod
    def _an_image(cls, size: Tuple[int, int]) -> Tuple[int, int]:
        if min(size) < SMALLEST_SIDE:
            raise InvalidInput(
                f"the image is {size[0]}x{size[1]}", f"Count on at least {SMALLEST_SIDE} pixels"
            )
        return size

    @field_validator("budget_ms")
    @classmethod
    def _a_time(cls, budget: Optional[float]) -> Optional[float]:
        if budget is not None and not 0 < budget < float("inf"):
            raise InvalidInput(f"the budget is {budget:g} ms", "Give milliseconds above 0")
        return budget

    @field_validator("ratio", "cap")
    @classmethod
    def _a_share(cls, ratio: float) -> float:
        return _share("the share to remove", ratio)

    @field_validator("ratios")
    @classmethod
    def _shares(cls, ratios: Dict[str, float]) -> Dict[str, float]:
        return {name: _share(f"the ratio of {name}", ratios[name]) for name in sorted(ratios)}

    @model_validator(mode="after")
    def _budget_or_ratio(self) -> PruningRequest:
        if (self.allocation == "latency") != (self.budget_ms is not None):
            raise InvalidInput(
                "the allocation latency and a budget in milliseconds belong together",
                "Give `--allocation latency --budget-ms MS`, or neither",
            )
        return self

    def chosen(self, groups: Sequence[Group]) -> List[Group]:
        """The groups that may become narrower.

        Raises:
            InvalidInput: nothing is chosen, a ratio is for a group that the network does not
                have, or ratios are given to an allocation that finds its own.
        """
        known = [group.name for group in groups if not group.follows]
        unknown = sorted(set(self.ratios) - set(known))
        if unknown:
            raise InvalidInput(
                f"the network has no group {unknown[0]!r}", f"Choose among {', '.join(known)}"
            )
        if self.ratios and self.allocation != "local":
            raise InvalidInput(
                f"ratios of single groups contradict the allocation {self.allocation!r}",
                "Leave them out, or allocate locally",
            )
        chosen = [g for g in groups if self._block_of(g) in self.blocks or g.name in self.ratios]
        if not chosen:
            raise InvalidInput(
                "no block is chosen", f"Choose some of {', '.join(BLOCKS)}, or give groups ratios"
            )
        return chosen

    @staticmethod
    def _block_of(group: Group) -> str:
        return DECODER if group.block is None else str(group.block)


class MaskRequest(BaseModel):
    """One round of unstructured pruning.

    Attributes:
        scope: whether all weights are ranked together (`global`) or layer by layer (`layer`).
        ratio: share of the remaining weights to remove.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    scope: MaskScope = "global"
    ratio: float = 0.2

    @field_validator("ratio")
    @classmethod
    def _a_share(cls, ratio: float) -> float:
        return _share("the share of weights to remove", ratio)


def _share(what: str, value: float) -> float:
    if not 0 <= value < 1:
        raise InvalidInput(
            f"{what} is {value:g}", "Give a number from 0 up to, and without, 1: 0.5 removes half"
        )
    return value
