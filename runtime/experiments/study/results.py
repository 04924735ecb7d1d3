"""What a study found: the one file that `runtime study` writes and `runtime report` reads."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Dict, Optional, Tuple

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from runtime.builder.evaluation.confusion import EvaluationReport
from runtime.errors import InvalidInput
from runtime.files.atomic import write_whole
from runtime.files.validation import first_complaint
from runtime.repository.manifest import Precision

RESULTS_NAME = "results.json"
FORMAT = 1


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Speed(_Record):
    """Milliseconds of one image from the network's input to its logits.

    Attributes:
        median, low, high: of interleaved repetitions.
        repetitions: measured ones, after warming up.
    """

    median: float = Field(gt=0)
    low: float = Field(gt=0)
    high: float = Field(gt=0)
    repetitions: int = Field(ge=1)


class Training(_Record):
    """How a model was trained.

    Attributes:
        steps: optimiser steps of this training, those before a rewinding point not counted.
        seconds: the processor time that they took; None where it was not written down.
    """

    steps: int = Field(ge=0)
    seconds: Optional[float] = Field(default=None, ge=0)


class StudiedModel(_Record):
    """One row of the study: a network, pruned or whole, recovered in one way from one seed.

    Attributes:
        name: unique in the study, such as `full/seed-1` or `blocks-1-2/lth/seed-1`.
        model: name of the whole network in the recipe.
        pruning: name of the pruning in the recipe; None for the whole network.
        blocks: what was chosen for pruning, as `--blocks` takes it; empty for the whole network.
        ratio: share of the channels that was asked to go; None for the whole network.
        arm: how it was recovered; None for the whole network.
        seed: of its random choices.
        architecture: as in a checkpoint, kept widths included.
        size: height and width of the network's input in pixels.
        parameters: learned numbers.
        macs: multiply-adds for one image.
        padded_macs: the same once every width is rounded up to 32 channels.
        accuracy: by precision and then by the name of a judged set of images.
        agreement: with the FP32 labels of the same network, by precision and judged set.
        speed: by backend and precision, such as `openvino int8`.
        training: None where a checkpoint was brought along.
        checkpoint_sha256: of the trained network.
        plan_sha256: of the pruning plan; None for the whole network.
    """

    name: str
    model: str
    pruning: Optional[str] = None
    blocks: Tuple[str, ...] = ()
    ratio: Optional[float] = None
    arm: Optional[str] = None
    seed: int
    architecture: Dict[str, Any]
    size: Tuple[int, int]
    parameters: int
    macs: int
    padded_macs: int
    accuracy: Dict[Precision, Dict[str, EvaluationReport]]
    agreement: Dict[Precision, Dict[str, float]] = {}
    speed: Dict[str, Speed] = {}
    training: Optional[Training] = None
    checkpoint_sha256: str
    plan_sha256: Optional[str] = None


class StudyResults(_Record):
    """All rows of a study, those that are finished so far.

    Attributes:
        format: version of this record.
        study: its name.
        recipe_sha256: of what the recipe decides.
        machine: in words, what the speeds were measured on; None if none were.
        judged: the sets of images by name, with a sentence on each, such as whether it was kept
            out of training.
        expected: rows that the recipe asks for.
        models: the finished rows, in the recipe's order.
    """

    format: int = FORMAT
    study: str
    recipe_sha256: str
    machine: Optional[str] = None
    judged: Dict[str, str]
    expected: int
    models: Tuple[StudiedModel, ...]


def results_from_file(path: Path) -> StudyResults:
    """Reads the results of a study.

    Args:
        path: the file, or the study's folder.

    Raises:
        InvalidInput: there are none, or they are not a study's results.
    """
    file = path / RESULTS_NAME if path.is_dir() else path
    try:
        return StudyResults.model_validate_json(file.read_bytes())
    except OSError as error:
        raise InvalidInput(
            f"no results can be read at {file}: {error.strerror}",
            "Give the folder that `runtime study --out` wrote to",
        ) from error
    except ValidationError as wrong:
        raise InvalidInput(
            f"{file} does not hold the results of a study: {first_complaint(wrong)}",
            "Give the folder that `runtime study --out` wrote to",
        ) from wrong


def write_results(folder: Path, results: StudyResults) -> Path:
    """Writes the results whole into the study's folder and returns their path.

    Args:
        folder: of the study.
        results: to be written.
    """
    path = folder / RESULTS_NAME
    write_whole(path, (results.model_dump_json(indent=1) + "\n").encode())
    return path
