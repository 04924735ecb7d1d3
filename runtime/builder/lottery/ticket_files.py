"""What `runtime prune` writes beside a checkpoint, under names that follow from its own."""

from __future__ import annotations

from pathlib import Path
from typing import Optional

import torch
from pydantic import ValidationError

from runtime.builder.lottery.rewind import Moment, plain_content
from runtime.builder.lottery.tickets import Ticket, TicketRecord
from runtime.builder.pruning.apply_plan import ChannelCut, Cut
from runtime.builder.pruning.plan import plan_from_file, write_plan
from runtime.builder.pruning.weight_masks import WeightMasks
from runtime.errors import InvalidInput
from runtime.files.atomic import whole_file

TICKET_FORMAT = "swiftnet-runtime ticket"


def plan_path(checkpoint: Path) -> Path:
    """The path of the plan that a checkpoint was pruned by."""
    return checkpoint.with_suffix(".plan.json")


def masks_path(checkpoint: Path) -> Path:
    """The path of the masks that a checkpoint was pruned by."""
    return checkpoint.with_suffix(".masks.npz")


def ticket_path(checkpoint: Path) -> Path:
    """The path of the ticket whose weights a checkpoint holds."""
    return checkpoint.with_suffix(".ticket.pt")


def write_cut(checkpoint: Path, cut: Cut) -> Path:
    """Writes the plan or the masks of a checkpoint, and gives the file's path.

    Args:
        checkpoint: path of the pruned network, which the file lies beside.
        cut: what remained of it.
    """
    if isinstance(cut, ChannelCut):
        write_plan(plan_path(checkpoint), cut.plan)
        return plan_path(checkpoint)
    if isinstance(cut, WeightMasks):
        cut.write(masks_path(checkpoint))
        return masks_path(checkpoint)
    raise TypeError(f"nobody knows how to write a {type(cut).__name__}")


def write_ticket(checkpoint: Path, ticket: Ticket) -> Path:
    """Writes the ticket of a checkpoint, without its cut, and gives the file's path.

    Args:
        checkpoint: path of the pruned network, which the file lies beside.
        ticket: where its training begins.
    """
    content = {
        "format": TICKET_FORMAT,
        "record": ticket.record.model_dump(),
        "moment": ticket.moment.content(),
    }
    with whole_file(ticket_path(checkpoint)) as file:
        torch.save(content, file)
    return ticket_path(checkpoint)


def ticket_beside(checkpoint: Path) -> Optional[Ticket]:
    """The ticket whose weights a checkpoint holds; None where there is none.

    Raises:
        InvalidInput: the ticket's file is broken, or its plan or masks are missing or others.
    """
    path = ticket_path(checkpoint)
    if not path.is_file():
        return None
    content = plain_content(path)
    try:
        record = TicketRecord.model_validate(content["record"])
        moment = Moment.from_content(path, content["moment"])
    except (KeyError, ValidationError) as broken:
        raise InvalidInput(f"{path} is no ticket", "Make it again with `runtime prune`") from broken
    masks = masks_path(checkpoint)
    cut: Cut = (
        WeightMasks.from_file(masks)
        if masks.is_file()
        else ChannelCut(plan_from_file(plan_path(checkpoint)))
    )
    if cut.sha256 != record.cut_sha256:
        raise InvalidInput(
            f"{path} was made with another plan or other masks than those beside it",
            "Keep the files of one `runtime prune` together, or run it again",
        )
    return Ticket(record, cut, moment)
