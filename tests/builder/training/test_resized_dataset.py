from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from runtime.builder.data.dataset import SegmentationDataset
from runtime.builder.data.layouts import open_dataset
from runtime.builder.training.resized_dataset import FittedSamples, fitted_sample
from runtime.errors import InvalidInput
from runtime.inference.preprocess.reference import fitted
from runtime.repository.manifest import InputSpec
from tests.builder.scenes import IGNORE_ID, scene, write_dataset

MEAN, STD = (1.0, 2.0, 3.0), (1.0, 1.0, 1.0)


def spec(height: int, width: int, geometry: str = "letterbox") -> InputSpec:
    return InputSpec.model_validate(
        {
            "height": height,
            "width": width,
            "mean": MEAN,
            "std": STD,
            "geometry": geometry,
            "pad": (10, 20, 30),
        }
    )


@pytest.fixture
def dataset(tmp_path: Path) -> SegmentationDataset:
    return open_dataset(write_dataset(tmp_path, train=3, val=0))


def test_a_sample_of_the_models_size_is_left_alone() -> None:
    image, labels = scene(0)

    same_image, same_labels = fitted_sample(image, labels, spec(64, 64), IGNORE_ID)

    assert same_image is image
    assert same_labels is labels


@pytest.mark.parametrize("geometry", ["letterbox", "stretch"])
def test_the_network_learns_from_the_pixels_that_it_is_served(geometry: str) -> None:
    image, labels = scene(0, 48, 80)
    wanted = spec(64, 96, geometry)

    fitted_image, _ = fitted_sample(image, labels, wanted, IGNORE_ID)

    served = fitted(image[..., ::-1], wanted)[..., ::-1]
    assert np.abs(fitted_image - served).max() <= 1


def test_padding_has_the_models_colour_and_no_label() -> None:
    image, labels = scene(0, 32, 64)

    fitted_image, truth = fitted_sample(image, labels, spec(64, 64), IGNORE_ID)

    assert (truth[:16] == IGNORE_ID).all()
    assert (truth[48:] == IGNORE_ID).all()
    np.testing.assert_array_equal(truth[16:48], labels)
    assert (fitted_image[:16] == (10, 20, 30)).all()


def test_labels_are_resized_without_making_up_classes() -> None:
    image, labels = scene(0, 50, 70)

    _, truth = fitted_sample(image, labels, spec(128, 128, "stretch"), IGNORE_ID)

    assert set(np.unique(truth)) == set(np.unique(labels))


def test_decoded_samples_stay_in_memory_up_to_the_budget(dataset: SegmentationDataset) -> None:
    one_sample = 64 * 64 * 4
    samples = FittedSamples(dataset, spec(64, 64), budget_bytes=2 * one_sample)
    samples.fill()

    for sample in dataset.samples:
        sample.image.unlink()

    np.testing.assert_array_equal(samples[1][0], scene(2)[0])
    with pytest.raises(InvalidInput, match=r"odd_001\.png does not exist"):
        samples[2]
