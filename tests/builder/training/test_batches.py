from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import List

import pytest
import torch

from runtime.builder.data.layouts import open_dataset
from runtime.builder.training.augment import Augmentation
from runtime.builder.training.batches import RandomViews, Visit, Visits, batches
from runtime.builder.training.distributed import Place
from runtime.builder.training.resized_dataset import FittedSamples
from runtime.builder.training.schedule import TrainingSettings
from runtime.errors import InvalidInput
from runtime.repository.manifest import InputSpec
from tests.builder.scenes import write_dataset

SETTINGS = TrainingSettings(seed=3, epochs=4, batch=4, augmentation=Augmentation(crop=(32, 32)))
ALONE = Place(torch.device("cpu"))


def visits(first_step: int = 0, place: Place = ALONE, samples: int = 10) -> List[List[Visit]]:
    return list(Visits(samples, SETTINGS, first_step, place))


@pytest.fixture
def views(tmp_path: Path) -> RandomViews:
    dataset = open_dataset(write_dataset(tmp_path, train=10, val=0))
    spec = InputSpec(height=64, width=64, mean=(0, 0, 0), std=(1, 1, 1))
    return RandomViews(FittedSamples(dataset, spec, 1 << 20), SETTINGS.augmentation, seed=3)


def test_an_epoch_visits_no_sample_twice_and_another_epoch_has_another_order() -> None:
    steps = visits()

    assert len(steps) == len(Visits(10, SETTINGS, 0, ALONE)) == 8
    for epoch in range(4):
        seen = [visit for step in steps[2 * epoch : 2 * epoch + 2] for visit in step]
        assert {number for number, _ in seen} == {epoch}
        assert len({index for _, index in seen}) == 8
    assert [index for _, index in steps[0]] != [index for _, index in steps[2]]


@pytest.mark.parametrize("first_step", range(9))
def test_going_on_at_a_step_gives_the_rest_of_the_same_visits(first_step: int) -> None:
    assert visits(first_step) == visits()[first_step:]


def test_devices_share_each_batch_without_overlap() -> None:
    shares = [visits(place=Place(torch.device("cpu"), rank, 2)) for rank in range(2)]

    for whole, first, second in zip(visits(), *shares):
        assert Counter(first + second) == Counter(whole)
        assert len(first) == len(second) == 2


def test_a_batch_that_devices_cannot_share_is_refused() -> None:
    with pytest.raises(InvalidInput, match="batch of 4 cannot be shared by 3 devices"):
        visits(place=Place(torch.device("cpu"), 0, 3))


def test_too_few_samples_for_a_batch_are_refused() -> None:
    with pytest.raises(
        InvalidInput, match=r"3 training images do not fill a batch of 4\. .*--batch 3"
    ):
        visits(samples=3)


@pytest.mark.parametrize("workers", [0, 2])
def test_batches_are_the_same_wherever_they_are_made_and_resumed(
    views: RandomViews, workers: int
) -> None:
    whole = list(batches(views, Visits(10, SETTINGS, 0, ALONE), workers=0))
    rest = list(batches(views, Visits(10, SETTINGS, 3, ALONE), workers))

    assert len(rest) == len(whole) - 3
    for (images, labels), (expected_images, expected_labels) in zip(rest, whole[3:]):
        assert images.shape == (4, 3, 32, 32)
        assert torch.equal(images, expected_images)
        assert torch.equal(labels, expected_labels)
