from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from runtime.builder.training.augment import Augmentation, random_view
from tests.builder.scenes import IGNORE_ID, scene

PLAIN = {
    "scale": (1.0, 1.0),
    "flip": 0.0,
    "brightness": 0.0,
    "contrast": 0.0,
    "saturation": 0.0,
    "hue": 0.0,
    "gamma": 0.0,
    "tint": 0.0,
    "blur": 0.0,
}


def plain(**changes: Any) -> Augmentation:
    return Augmentation(**{**PLAIN, **changes})


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def test_a_view_without_variation_is_a_crop_of_the_sample() -> None:
    image, labels = scene(0)

    view, truth = random_view(image, labels, IGNORE_ID, plain(crop=(64, 64)), rng())

    np.testing.assert_array_equal(view.permute(1, 2, 0), image)
    np.testing.assert_array_equal(truth, labels)


def test_a_crop_shows_the_same_place_in_sample_and_labels() -> None:
    # Every pixel's colour names its place, and so does its label.
    places = np.arange(100, dtype=np.uint8).reshape(10, 10)
    image = np.repeat(places[..., None], 3, axis=2)

    for seed in range(20):
        view, truth = random_view(image, places, IGNORE_ID, plain(crop=(4, 6)), rng(seed))
        assert torch.equal(view[0], truth)


def test_a_flip_mirrors_sample_and_labels() -> None:
    image, labels = scene(0)

    view, truth = random_view(image, labels, IGNORE_ID, plain(crop=(64, 64), flip=1.0), rng())

    np.testing.assert_array_equal(view.permute(1, 2, 0), image[:, ::-1])
    np.testing.assert_array_equal(truth, labels[:, ::-1])


def test_enlarging_shows_a_part_of_the_sample_larger() -> None:
    image, labels = scene(0)
    how = plain(crop=(64, 64), scale=(2.0, 2.0))

    _, truth = random_view(image, labels, IGNORE_ID, how, rng())

    blocks = truth.numpy().reshape(32, 2, 32, 2)
    assert (blocks == blocks[:, :1, :, :1]).all()


def test_what_lies_outside_the_sample_has_no_label() -> None:
    image, labels = scene(0, 32, 32)

    view, truth = random_view(image, labels, IGNORE_ID, plain(crop=(48, 48)), rng())

    assert view.shape == (3, 48, 48)
    inside = np.count_nonzero(labels != IGNORE_ID)
    assert np.count_nonzero(truth != IGNORE_ID) == inside


def test_labels_never_change_with_colour() -> None:
    image, labels = scene(0)
    how = plain(crop=(64, 64), brightness=1.0, contrast=0.9, gamma=2.0, hue=0.5, tint=0.9, blur=1)

    view, truth = random_view(image, labels, IGNORE_ID, how, rng())

    np.testing.assert_array_equal(truth, labels)
    assert not np.array_equal(view.permute(1, 2, 0), image)


@pytest.mark.parametrize("change", [{"hue": 0.5}, {"saturation": 1.0}])
def test_grey_stays_grey_under_hue_and_saturation(change: Any) -> None:
    grey = np.repeat(scene(0)[0][..., :1], 3, axis=2)

    view, _ = random_view(grey, scene(0)[1], IGNORE_ID, plain(crop=(64, 64), **change), rng())

    assert np.abs(view.permute(1, 2, 0).numpy().astype(int) - grey).max() <= 1


def test_half_a_turn_and_half_a_turn_of_hue_is_none() -> None:
    from runtime.builder.training.augment import _turn_hue

    colours = torch.rand(3, 4, 4)

    torch.testing.assert_close(_turn_hue(_turn_hue(colours, torch.pi), torch.pi), colours)


def test_a_blur_keeps_flat_colours_and_softens_edges() -> None:
    image = np.zeros((8, 8, 3), np.uint8)
    image[:, 4:] = 200
    labels = np.zeros((8, 8), np.uint8)

    view, _ = random_view(image, labels, IGNORE_ID, plain(crop=(8, 8), blur=1.0), rng())

    assert (view[:, :, 0] == 0).all()
    assert (view[:, :, 7] == 200).all()
    assert (view[:, :, 3] > 0).all()
    assert (view[:, :, 4] < 200).all()


def test_a_view_follows_from_its_generator_alone() -> None:
    image, labels = scene(0)
    how = Augmentation(crop=(32, 48))

    first, again, other = (random_view(image, labels, IGNORE_ID, how, rng(n)) for n in (5, 5, 6))

    assert torch.equal(first[0], again[0])
    assert torch.equal(first[1], again[1])
    assert not torch.equal(first[0], other[0])
