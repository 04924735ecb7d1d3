"""Batches of random views whose content follows from (seed, epoch, image) alone.

No generator lives from one batch to the next, so a training resumed at any step sees what it would
have seen.
"""

from __future__ import annotations

from typing import Iterator, List, Tuple

import numpy as np
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, Sampler

from runtime.builder.training.augment import Augmentation, random_view
from runtime.builder.training.distributed import Place
from runtime.builder.training.resized_dataset import FittedSamples
from runtime.builder.training.schedule import TrainingSettings
from runtime.errors import InvalidInput

Visit = Tuple[int, int]
"""An epoch and the index of an image."""
Batch = Tuple[Tensor, Tensor]
"""Images (batch, 3, *crop) uint8 RGB and labels (batch, *crop) uint8."""

ORDER, VIEW = 0, 1  # keep the two streams of random numbers apart


def steps_per_epoch(samples: int, batch: int) -> int:
    """Full batches in an epoch; images left over have their turn in another epoch's order.

    Args:
        samples: training images.
        batch: images per step, over all devices together.

    Raises:
        InvalidInput: there are fewer images than a batch takes.
    """
    if samples < batch:
        raise InvalidInput(
            f"{samples} training images do not fill a batch of {batch}",
            f"Ask for `--batch {samples}` or fewer, or add images",
        )
    return samples // batch


class RandomViews(Dataset[Batch]):
    """The random view of an image in an epoch."""

    def __init__(self, samples: FittedSamples, augmentation: Augmentation, seed: int) -> None:
        self.samples = samples
        self.augmentation = augmentation
        self.seed = seed

    def __getitem__(self, visit: Visit) -> Batch:
        epoch, index = visit
        image, labels = self.samples[index]
        rng = np.random.default_rng([self.seed, VIEW, epoch, index])
        ignore_id = self.samples.dataset.classes.ignore_id
        return random_view(image, labels, ignore_id, self.augmentation, rng)


class Visits(Sampler[List[Visit]]):
    """The visits of each step from `first_step` to the end, for one of the devices.

    Args:
        samples: how many there are.
        settings: seed, epochs and batch.
        first_step: steps that are already done.
        place: which share of every batch is wanted.
    """

    def __init__(
        self, samples: int, settings: TrainingSettings, first_step: int, place: Place
    ) -> None:
        if settings.batch % place.ranks:
            raise InvalidInput(
                f"a batch of {settings.batch} cannot be shared by {place.ranks} devices",
                "Make it a multiple of their number",
            )
        self.samples = samples
        self.settings = settings
        self.first_step = first_step
        self.place = place
        self.per_epoch = steps_per_epoch(samples, settings.batch)

    def __len__(self) -> int:
        return self.settings.epochs * self.per_epoch - self.first_step

    def __iter__(self) -> Iterator[List[Visit]]:
        batch = self.settings.batch
        first_epoch, first_batch = divmod(self.first_step, self.per_epoch)
        for epoch in range(first_epoch, self.settings.epochs):
            rng = np.random.default_rng([self.settings.seed, ORDER, epoch])
            order = rng.permutation(self.samples)
            done = first_batch if epoch == first_epoch else 0
            for start in range(done * batch, self.per_epoch * batch, batch):
                mine = order[start : start + batch][self.place.rank :: self.place.ranks]
                yield [(epoch, int(index)) for index in mine]


def batches(views: RandomViews, visits: Visits, workers: int) -> DataLoader[Batch]:
    """One batch per step; `workers` processes make them ahead of time, 0 makes them in this one.

    Args:
        views: makes an image's view.
        visits: which images each batch visits.
        workers: processes.
    """
    return DataLoader(views, batch_sampler=visits, num_workers=workers)
