"""What a checkpoint says about itself, so that an engine can be built from it without questions."""

from __future__ import annotations

from typing import Any, Dict, Optional

from pydantic import BaseModel, ConfigDict, ValidationError

from runtime.builder.checkpoint import Checkpoint
from runtime.builder.evaluation.confusion import EvaluationReport
from runtime.errors import InvalidInput
from runtime.files.validation import first_complaint
from runtime.repository.manifest import ClassesSpec, InputSpec


class TrainingCard(BaseModel):
    """The metadata of a checkpoint that `train` wrote.

    Attributes:
        dataset: name of the dataset.
        pictures: how many images it learnt from.
        classes: names, colours and ignore id.
        input: size, geometry and normalisation that the network was trained with.
        plan: the training plan, paths left out.
        initial_sha256: of the checkpoint or encoder it started from; None from scratch.
        held_out: measured on images kept out of training; None where there were none.
        pruning: what the network lost since or before this training, by hashes; None if nothing.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    dataset: str
    pictures: int
    classes: ClassesSpec
    input: InputSpec
    plan: Dict[str, Any]
    initial_sha256: Optional[str] = None
    held_out: Optional[EvaluationReport] = None
    pruning: Optional[Dict[str, Any]] = None


def card_of(checkpoint: Checkpoint) -> TrainingCard:
    """The card in a checkpoint's metadata.

    Raises:
        InvalidInput: it has none, as published checkpoints, or a foreign one.
    """
    try:
        return TrainingCard.model_validate(checkpoint.metadata)
    except ValidationError as wrong:
        raise InvalidInput(
            f"the checkpoint does not say what it was trained for ({first_complaint(wrong)})",
            "Give a checkpoint that `runtime train` wrote",
        ) from wrong
