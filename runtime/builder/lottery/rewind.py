"""A training at one of its steps, kept so that a ticket can go back to it.

More than weights: batch norms' statistics, the optimiser's moments by parameter name, averaged
weights, and the step, from which the learning rate and the order of the images follow.
"""

from __future__ import annotations

import dataclasses
import pickle
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Dict, List, Mapping, Optional

import torch
from torch import Tensor

from runtime.builder.checkpoint import load_checkpoint
from runtime.builder.pruning.apply_plan import Cut, moments_after, state_after
from runtime.builder.swiftnet import Architecture, SwiftNet
from runtime.builder.training.loop import Step, Training
from runtime.builder.training.state import TrainingState
from runtime.errors import InvalidInput
from runtime.files.atomic import whole_file

MOMENT_FORMAT = "swiftnet-runtime training moment"
FORMAT_VERSION = 1

Weights = Dict[str, Tensor]


@dataclass(frozen=True)
class Moment:
    """Where a training stood.

    Attributes:
        architecture: of the network.
        step: steps done.
        weights: the network's state_dict.
        optimiser: by parameter name, then by name of the moment; empty before the first step.
        average: state_dict of the averaged weights, where there were any.
        scaler: state of the gradient scaler; empty where there was none.
    """

    architecture: Architecture
    step: int
    weights: Weights
    optimiser: Dict[str, Weights] = field(default_factory=dict)
    average: Optional[Weights] = None
    scaler: Dict[str, Any] = field(default_factory=dict)

    @classmethod
    def of(cls, state: TrainingState) -> Moment:
        """Copies the state of a training as it is now."""
        names = _parameter_names(state)
        moments = state.optimiser.state_dict()["state"]
        return cls(
            architecture=state.model.architecture,
            step=state.step,
            weights=_copied(state.model.state_dict()),
            optimiser={names[index]: _copied(each) for index, each in moments.items()},
            average=None if state.average is None else _copied(state.average.model.state_dict()),
            scaler=dict(state.scaler.state_dict()),
        )

    @classmethod
    def at(cls, model: SwiftNet, step: int = 0) -> Moment:
        """Weights alone, as if the training began with them at this step."""
        return cls(model.architecture, step, _copied(model.state_dict()))

    @classmethod
    def from_content(cls, path: Path, content: Mapping[str, Any]) -> Moment:
        """Takes what `content` gave, read from `path`.

        Raises:
            InvalidInput: another release wrote it.
        """
        if content.get("version") != FORMAT_VERSION:
            raise InvalidInput(
                f"{path} is of version {content.get('version')}",
                f"This release reads version {FORMAT_VERSION}; use the release that wrote it",
            )
        fields = {each.name: content[each.name] for each in dataclasses.fields(cls)}
        return cls(**{**fields, "architecture": Architecture.from_dict(content["architecture"])})

    def content(self) -> Dict[str, Any]:
        """Tensors and plain values alone, ready for `torch.save`."""
        content = {each.name: getattr(self, each.name) for each in dataclasses.fields(self)}
        content.update(
            format=MOMENT_FORMAT, version=FORMAT_VERSION, architecture=self.architecture.to_dict()
        )
        return content

    def model(self) -> SwiftNet:
        """A network with these weights, in evaluation mode."""
        with torch.device("meta"):
            network = SwiftNet(self.architecture)
        network.load_state_dict(_copied(self.weights), assign=True)
        return network.eval()

    def after(self, cut: Cut) -> Moment:
        """What a cut leaves of all of it.

        Raises:
            InvalidInput: the cut is for another geometry.
        """
        return Moment(
            architecture=cut.architecture(self.architecture),
            step=self.step,
            weights=state_after(self.weights, cut),
            optimiser=moments_after(self.optimiser, cut),
            average=None if self.average is None else state_after(self.average, cut),
            scaler=self.scaler,
        )

    def restore_into(self, state: TrainingState) -> None:
        """Puts a training of the same network where this one stood."""
        state.model.load_state_dict(self.weights)
        state.step = self.step
        if self.optimiser:
            names = _parameter_names(state)
            known = {i: self.optimiser[n] for i, n in enumerate(names) if n in self.optimiser}
            groups = state.optimiser.state_dict()["param_groups"]
            state.optimiser.load_state_dict({"state": known, "param_groups": groups})
        if self.scaler:
            state.scaler.load_state_dict(self.scaler)
        if state.average is not None:
            state.average.model.load_state_dict(self.average or self.weights)
            state.average.updates = self.step


def kept_step(training: Training, step: int, folder: Path) -> MomentKeeper:
    """A listener that writes a step of a training into its folder.

    Args:
        training: that is listened to.
        step: optimiser steps after which to write.
        folder: gets the file.

    Raises:
        InvalidInput: the training has no such step.
    """
    if not 0 <= step <= training.steps:
        raise InvalidInput(
            f"step {step} is to be kept of a training of {training.steps}",
            f"Choose one from 0 to {training.steps}",
        )
    return MomentKeeper(training.state, step, folder / f"step-{step}.pt")


class MomentKeeper:
    """Listens to a training and writes down one of its steps.

    Args:
        state: of the training.
        step: the step to keep; 0 is written at once.
        path: the file.
    """

    def __init__(self, state: TrainingState, step: int, path: Path) -> None:
        self._state, self._step, self._path = state, step, path
        if step == state.step == 0:
            write_moment(path, Moment.of(state))

    def __call__(self, step: Step) -> None:
        """Hears of a step that was taken."""
        if step.number == self._step:
            write_moment(self._path, Moment.of(self._state))


def write_moment(path: Path, moment: Moment) -> None:
    """Writes a moment atomically.

    Args:
        path: of the file.
        moment: to be written.
    """
    with whole_file(path) as file:
        torch.save(moment.content(), file)


def moment_from_file(path: Path) -> Moment:
    """Reads what `write_moment` wrote; a checkpoint counts as the weights of step 0.

    Raises:
        InvalidInput: there is no such file, or it is neither.
    """
    content = plain_content(path)
    if content.get("format") == MOMENT_FORMAT:
        return Moment.from_content(path, content)
    return Moment.at(load_checkpoint(path).model)


def plain_content(path: Path) -> Dict[str, Any]:
    """Reads a file of tensors and plain values alone.

    Raises:
        InvalidInput: there is no such file, or it holds anything else.
    """
    if not path.is_file():
        raise InvalidInput(f"there is no file {path}", "Give the path of an existing file")
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except (pickle.UnpicklingError, RuntimeError, EOFError, KeyError, ValueError) as broken:
        raise InvalidInput(
            f"{path} cannot be read as tensors and plain values alone",
            "Give a file that this project wrote; a truncated one must be fetched again",
        ) from broken
    if not isinstance(content, dict):
        raise InvalidInput(
            f"{path} holds a {type(content).__name__}", "Give a training's kept step"
        )
    return content


def _parameter_names(state: TrainingState) -> List[str]:
    """Names of the model's parameters in the order in which the optimiser numbers them."""
    names = {id(parameter): name for name, parameter in state.model.named_parameters()}
    groups = state.optimiser.param_groups
    return [names[id(parameter)] for group in groups for parameter in group["params"]]


def _copied(tensors: Mapping[str, Tensor]) -> Weights:
    return {name: tensor.detach().cpu().clone() for name, tensor in tensors.items()}
