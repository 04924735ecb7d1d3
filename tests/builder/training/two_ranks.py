"""What two processes that torchrun starts do in `test_distributed`.

torchrun --nproc_per_node 2 -m tests.builder.training.two_ranks DATASET FOLDER
"""

from __future__ import annotations

import sys
from pathlib import Path

import torch
from torch import nn

from runtime.builder.data.layouts import open_dataset
from runtime.builder.training.distributed import Place, joined
from runtime.builder.training.loop import RunOptions, Step, Training
from tests.builder.tiny_training import SPEC, network, settings


def without_batch_statistics(model: nn.Module) -> None:
    """Norms over each image alone, which does not depend on who else is in the batch."""
    for parent in list(model.modules()):
        for name, child in list(parent.named_children()):
            if isinstance(child, nn.BatchNorm2d):
                setattr(parent, name, nn.GroupNorm(1, child.num_features))


def gradients(dataset: Path, folder: Path, place: Place) -> None:
    """Takes one step and saves the gradients it was taken with, one file per process."""
    model = network()
    without_batch_statistics(model)
    images = open_dataset(dataset).of_splits("train")
    plan = settings(epochs=1, batch=len(images), ema=0.0)
    training = Training(plan, model, images, SPEC, RunOptions(), place)

    def keep(step: Step) -> None:
        found = {name: p.grad for name, p in step.model.named_parameters() if p.grad is not None}
        torch.save(found, folder / f"gradients-{place.rank}-of-{place.ranks}.pt")

    training.run(folder / f"{place.ranks}", keep)


def main(dataset: Path, folder: Path) -> None:
    torch.set_num_threads(1)
    with joined("cpu") as place:
        gradients(dataset, folder, place)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
