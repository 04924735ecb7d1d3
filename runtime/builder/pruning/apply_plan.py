"""Removing what a plan removes: from weights, from batch norms, and from an optimiser's moments.

A cut works tensor by tensor, by name. Whatever has the shape of a parameter (its gradient's
moments, its moving average) is cut like the parameter itself.
"""

from __future__ import annotations

import dataclasses
from collections import defaultdict
from typing import Dict, List, Mapping, Protocol, Tuple

import torch
from torch import Tensor

from runtime.builder.pruning.dependencies import groups_of
from runtime.builder.pruning.make_plan import control_of
from runtime.builder.pruning.plan import PruningPlan
from runtime.builder.swiftnet import Architecture, SwiftNet
from runtime.errors import InvalidInput


class Cut(Protocol):
    """A decision about what of a network remains, whichever weights the network has."""

    @property
    def sha256(self) -> str:
        """SHA-256 of the decision."""

    def require_checkpoint(self, sha256: str) -> None:
        """Refuses a checkpoint on which the decision was not made.

        Raises:
            InvalidInput: it has another hash.
        """

    def control(self, seed: int) -> Cut:
        """A random decision that removes as much from the same places."""

    def architecture(self, before: Architecture) -> Architecture:
        """What is left of an architecture.

        Raises:
            InvalidInput: it is not of the geometry that the cut is for.
        """

    def tensor(self, name: str, value: Tensor) -> Tensor:
        """What is left of a tensor of the state_dict, or of one shaped like it: a copy.

        Args:
            name: its key in the state_dict.
            value: of the shape before the cut.
        """


class ChannelCut:
    """The cut that a plan describes: whole channels go, and the network becomes narrower.

    Attributes:
        plan: says which.
    """

    def __init__(self, plan: PruningPlan) -> None:
        self.plan = plan
        parts: Dict[Tuple[str, int], List[Tuple[int, Tensor]]] = defaultdict(list)
        for group in groups_of(plan.before):
            kept = torch.tensor(plan.groups[group.name].kept)
            for slot in group.slots():
                parts[slot.tensor, slot.axis].append((slot.offset, slot.offset + kept))
        self._kept: Dict[str, Dict[int, Tensor]] = defaultdict(dict)
        for (tensor, axis), pieces in parts.items():
            # Parts of a concatenation stand behind each other.
            self._kept[tensor][axis] = torch.cat([kept for _, kept in sorted(pieces, key=_offset)])

    @property
    def sha256(self) -> str:
        """SHA-256 of the plan."""
        return self.plan.sha256

    def require_checkpoint(self, sha256: str) -> None:
        """Refuses a checkpoint that the plan was not made for.

        Raises:
            InvalidInput: it has another hash.
        """
        require_checkpoint("plan", self.plan.checkpoint_sha256, sha256)

    def control(self, seed: int) -> ChannelCut:
        """The same widths with random channels."""
        return ChannelCut(control_of(self.plan, seed))

    def architecture(self, before: Architecture) -> Architecture:
        """The plan's widths with the classes and colours of `before`.

        Raises:
            InvalidInput: the plan is for another geometry.
        """
        require_geometry(self.plan.before, before)
        return _with_classes_of(self.plan.after, before)

    def tensor(self, name: str, value: Tensor) -> Tensor:
        """The kept channels of `value`, on every axis that a group's channels lie on.

        Args:
            name: its key in the state_dict.
            value: of the shape before the cut.
        """
        left = value.detach()
        for axis, kept in self._kept.get(name, {}).items():
            left = left.index_select(axis, kept.to(left.device))
        return left.clone() if left.data_ptr() == value.data_ptr() else left


def network_after(model: SwiftNet, cut: Cut) -> SwiftNet:
    """A new network with what the cut leaves of the model's weights and statistics.

    Args:
        model: to be pruned; it stays as it is.
        cut: what is to remain.

    Raises:
        InvalidInput: the model is not of the geometry that the cut is for.
    """
    with torch.device("meta"):
        left = SwiftNet(cut.architecture(model.architecture))
    left.load_state_dict(state_after(model.state_dict(), cut), assign=True)
    return left.train(model.training)


def state_after(state: Mapping[str, Tensor], cut: Cut) -> Dict[str, Tensor]:
    """What the cut leaves of a state_dict.

    Args:
        state: tensors by name, of the shapes before the cut.
        cut: what is to remain.
    """
    return {name: cut.tensor(name, value) for name, value in state.items()}


def moments_after(
    moments: Mapping[str, Mapping[str, Tensor]], cut: Cut
) -> Dict[str, Dict[str, Tensor]]:
    """What the cut leaves of an optimiser's state, given by parameter name and by moment.

    Tensors without axes, such as Adam's count of steps, stay as they are.

    Args:
        moments: by parameter, then by moment, each of its parameter's shape.
        cut: what is to remain.
    """
    return {
        name: {
            key: cut.tensor(name, value) if value.ndim else value.clone()
            for key, value in state.items()
        }
        for name, state in moments.items()
    }


def pruned_from_plan(model: SwiftNet, plan: PruningPlan) -> SwiftNet:
    """The model without the channels that the plan removes: the same class, other widths.

    The model may hold other weights than those that the plan was made from, as when a ticket goes
    back to early ones; `ChannelCut.require_checkpoint` is for where it must not.

    Args:
        model: of the geometry that the plan is for; it stays as it is.
        plan: which channels of each group stay.

    Raises:
        InvalidInput: the plan is for another geometry.
    """
    return network_after(model, ChannelCut(plan))


def require_checkpoint(what: str, expected: str, given: str) -> None:
    """Refuses a checkpoint (by sha256) that is not the one a plan or masks were made for.

    Args:
        what: the decision is, such as "plan" or "masks".
        expected: SHA-256 of the checkpoint that it was made for.
        given: SHA-256 of the checkpoint to be pruned.

    Raises:
        InvalidInput: the hashes differ.
    """
    if given != expected:
        raise InvalidInput(
            f"the {what} of checkpoint {expected[:12]} cannot prune the checkpoint {given[:12]}",
            f"Make a new {what} for this checkpoint, or prune the one it was made for",
        )


def require_geometry(expected: Architecture, given: Architecture) -> None:
    """Refuses a network whose layers are not those expected; classes and colours may differ.

    Args:
        expected: of the network that a decision was made for.
        given: of the network to be pruned.

    Raises:
        InvalidInput: it names what differs.
    """
    one, other = expected.to_dict(), _with_classes_of(given, expected).to_dict()
    for field in one:
        if one[field] != other[field]:
            raise InvalidInput(
                f"the pruning is for a network with {field} {one[field]}, and this one has "
                f"{other[field]}",
                "Give a checkpoint of the same geometry, before any pruning of its own",
            )


def _with_classes_of(architecture: Architecture, other: Architecture) -> Architecture:
    return dataclasses.replace(architecture, classes=other.classes, mean=other.mean, std=other.std)


def _offset(piece: Tuple[int, Tensor]) -> int:
    return piece[0]
