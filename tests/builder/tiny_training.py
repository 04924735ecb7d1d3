"""A training of seconds, and a script that runs it to be killed.

python -m tests.builder.tiny_training DATASET FOLDER die_at_step|die_saving STEP
"""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path
from typing import Any, Tuple

import torch

from runtime.builder.card import TrainingCard
from runtime.builder.checkpoint import save_checkpoint
from runtime.builder.data.dataset import SegmentationDataset
from runtime.builder.data.layouts import open_dataset
from runtime.builder.swiftnet import Architecture, SwiftNet, Widths
from runtime.builder.training.augment import Augmentation
from runtime.builder.training.distributed import Place
from runtime.builder.training.loop import RunOptions, Step, Training
from runtime.builder.training.schedule import TrainingSettings
from runtime.repository.manifest import ClassesSpec, InputSpec
from tests.builder.scenes import NAMES, PALETTE

SPEC = InputSpec(height=64, width=64, mean=(100, 100, 100), std=(60, 60, 60))
ALONE = Place(torch.device("cpu"))


def settings(**changes: Any) -> TrainingSettings:
    plain = {
        "epochs": 3,
        "batch": 4,
        "learning_rate": 3e-3,
        "encoder_rate": 1.0,
        "boundary_radii": (2, 4, 8),
        "ema": 0.8,
        "rarity": 0.25,
        "augmentation": Augmentation(crop=(64, 64)),
    }
    return TrainingSettings(**{**plain, **changes})


def network(classes: int = 3) -> SwiftNet:
    torch.manual_seed(11)
    widths = Widths.resnet(18, stem=8, stages=(8, 8, 8, 8))
    return SwiftNet(Architecture("resnet18", classes, features=8, widths=widths))


def trained_checkpoint(path: Path, names: Tuple[str, ...] = NAMES) -> Path:
    """A checkpoint as `train` leaves one behind after learning from the scenes."""
    card = TrainingCard(
        dataset="scenes",
        pictures=8,
        classes=ClassesSpec(names=list(names), palette=list(PALETTE)),
        input=SPEC,
        plan={},
    )
    save_checkpoint(path, network(), card.model_dump(mode="json"))
    return path


def training(
    dataset: SegmentationDataset, place: Place = ALONE, save_every: float = 0, **changes: Any
) -> Training:
    """Saves its state after every step unless told otherwise."""
    options = RunOptions(save_every=save_every)
    return Training(settings(**changes), network(), dataset, SPEC, options, place)


def main(dataset: Path, folder: Path, how: str, at: int) -> None:
    """Trains, and dies as told by SIGKILL: nothing is cleaned up."""
    torch.set_num_threads(1)

    def die(*_: object) -> None:
        os.kill(os.getpid(), signal.SIGKILL)

    def listener(step: Step) -> None:
        if step.number == at and how == "die_at_step":
            die()
        if step.number == at and how == "die_saving":
            # The new state is written but has not taken the place of the old one.
            setattr(os, "fsync", die)  # noqa: B010 - a plain assignment would not type-check

    training(open_dataset(dataset).of_splits("train")).run(folder, listener)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3], int(sys.argv[4]))
