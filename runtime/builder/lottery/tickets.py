"""Lottery tickets and their controls, put at the start of a training; `arms` names them."""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Optional

import torch
from pydantic import BaseModel, ConfigDict

from runtime.builder.checkpoint import Checkpoint
from runtime.builder.lottery.arms import ARMS, NEED_EARLY_WEIGHTS, Arm
from runtime.builder.lottery.rewind import Moment
from runtime.builder.pruning.apply_plan import Cut, network_after
from runtime.builder.pruning.weight_masks import WeightMasks
from runtime.builder.swiftnet import Architecture, SwiftNet
from runtime.builder.training.loop import Training
from runtime.builder.training.schedule import TrainingSettings
from runtime.builder.training.state import STATE_NAME
from runtime.errors import InvalidInput

FINE_TUNING_SHARE = 0.1
RECORD_NAME = "ticket.json"


class TicketRecord(BaseModel):
    """Where a ticket comes from.

    Attributes:
        arm: which one.
        step: where its training begins.
        seed: of what is random in it.
        trained_sha256: of the checkpoint that was pruned.
        cut_sha256: of the plan or masks that were applied.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    arm: Arm
    step: int
    seed: int
    trained_sha256: str
    cut_sha256: str


@dataclass(frozen=True)
class Ticket:
    """A pruned network at the start of its training.

    Attributes:
        record: where it comes from.
        cut: what was applied; for ri-p not the one that was asked for, but its control.
        moment: the start, pruned.
    """

    record: TicketRecord
    cut: Cut
    moment: Moment


def ticket_of(
    arm: Arm, trained: Checkpoint, cut: Cut, early: Optional[Moment] = None, seed: int = 0
) -> Ticket:
    """Prunes a trained network and says how it starts again.

    Args:
        arm: one of ARMS.
        trained: the network that the cut was chosen on.
        cut: what to remove.
        early: its training at step k: needed for lth and ri-p; gives lrr its step.
        seed: of ri's new weights and ri-p's random channels.

    Raises:
        InvalidInput: there is no such arm, early weights are missing or of another network, or
            the cut was chosen on another checkpoint.
    """
    _require_fit(arm, trained, cut, early)
    if arm == "ri-p":
        cut = cut.control(seed)
    if early is not None and arm in NEED_EARLY_WEIGHTS:
        moment = early.after(cut)
    elif arm == "ri":
        moment = Moment.at(network_after(_initialised(trained.architecture, seed), cut))
    else:
        step = early.step if early is not None and arm == "lrr" else 0
        moment = Moment.at(network_after(trained.model, cut), step)
    record = TicketRecord(
        arm=arm,
        step=moment.step,
        seed=seed,
        trained_sha256=trained.sha256,
        cut_sha256=cut.sha256,
    )
    return Ticket(record, cut, moment)


def settings_for(arm: Arm, settings: TrainingSettings) -> TrainingSettings:
    """The settings of a ticket's training: those of the trained network, but for fine-tuning.

    Fine-tuning goes on at a tenth of the rate and without a warm-up, for as many epochs.

    Args:
        arm: how the pruned network is trained on.
        settings: that the whole network was trained with.
    """
    if arm != "ft":
        return settings
    rate = settings.learning_rate * FINE_TUNING_SHARE
    final = min(rate, settings.final_learning_rate)
    return settings.model_copy(
        update={"learning_rate": rate, "final_learning_rate": final, "warmup_steps": 0}
    )


def begin(training: Training, ticket: Ticket, folder: Path) -> None:
    """Puts a training at its ticket's start, unless `folder` holds a later state of the same.

    To be called before `training.run(folder, ...)`, in each process and after each restart.

    Args:
        training: made with the ticket's network and `settings_for` its arm.
        ticket: the start.
        folder: of the training; made where it does not exist.

    Raises:
        InvalidInput: the training is of another network, or `folder` holds another training.
    """
    _require_start(training, ticket)
    folder.mkdir(parents=True, exist_ok=True)
    record, text = folder / RECORD_NAME, ticket.record.model_dump_json(indent=1) + "\n"
    if (folder / STATE_NAME).is_file():
        if not record.is_file() or record.read_text(encoding="utf-8") != text:
            raise InvalidInput(
                f"{folder} holds the training of another ticket",
                "Choose another output folder, or remove this one to start again",
            )
    else:
        ticket.moment.restore_into(training.state)
        if training.place.leads:
            record.write_text(text, encoding="utf-8")
            training.state.save(folder, training.fingerprint)
    if isinstance(ticket.cut, WeightMasks):
        ticket.cut.hold(training.state.model, training.state.optimiser)


def _require_fit(arm: Arm, trained: Checkpoint, cut: Cut, early: Optional[Moment]) -> None:
    if arm not in ARMS:
        raise InvalidInput(f"there is no arm {arm!r}", f"Choose one of {', '.join(ARMS)}")
    cut.require_checkpoint(trained.sha256)
    if early is None:
        if arm in NEED_EARLY_WEIGHTS:
            raise InvalidInput(
                f"the arm {arm} goes back to early weights, and none are given",
                "Give the step that the training kept, or the checkpoint it started from",
            )
    elif early.architecture != trained.architecture:
        raise InvalidInput(
            "the early weights are of another network than the trained ones",
            "Give a step of the training that led to this checkpoint",
        )


def _initialised(architecture: Architecture, seed: int) -> SwiftNet:
    """A new network of its own stream of random numbers: no training's seed gives the same one."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(zlib.crc32(f"ri {seed}".encode()))
        return SwiftNet(architecture).eval()


def _require_start(training: Training, ticket: Ticket) -> None:
    """A training is made with the ticket's weights, also when it will go on from a later state."""
    given = training.state.model.state_dict()
    for name, value in ticket.moment.weights.items():
        if name not in given or not torch.equal(given[name].cpu(), value):
            raise InvalidInput(
                f"the training does not start from the ticket's weights: {name} differs",
                "Train the network that the ticket brings",
            )
