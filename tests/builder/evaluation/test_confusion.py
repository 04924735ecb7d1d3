from __future__ import annotations

import numpy as np
import pytest

from runtime.builder.evaluation.confusion import ConfusionMatrix
from runtime.errors import InvalidInput

CLASSES, ABSENT = 6, 4


def random_maps(seed: int) -> np.ndarray:
    """Truth and prediction, alike in half the pixels, without one of the classes."""
    rng = np.random.default_rng(seed)
    present = [class_id for class_id in range(CLASSES) if class_id != ABSENT]
    truth = rng.choice(present, (20, 30)).astype(np.uint8)
    predicted = np.where(rng.random(truth.shape) < 0.5, truth, rng.choice(present, truth.shape))
    truth[rng.random(truth.shape) < 0.1] = 255
    return np.stack([truth, predicted.astype(np.uint8)])


def filled() -> ConfusionMatrix:
    matrix = ConfusionMatrix(CLASSES)
    for seed in range(3):
        matrix.add(*random_maps(seed))
    return matrix


def test_it_agrees_with_torchmetrics() -> None:
    torch = pytest.importorskip("torch")
    classification = pytest.importorskip("torchmetrics.classification")
    maps = torch.from_numpy(np.stack([random_maps(seed) for seed in range(3)])).long()
    truth, predicted = maps[:, 0], maps[:, 1]
    matrix = filled()

    options = {"num_classes": CLASSES, "ignore_index": 255}
    theirs = classification.MulticlassConfusionMatrix(**options)(predicted, truth)
    jaccard = classification.MulticlassJaccardIndex(**options, average="none")(predicted, truth)
    accuracy = classification.MulticlassAccuracy(**options, average="micro")(predicted, truth)

    np.testing.assert_array_equal(matrix.counts, theirs.numpy())
    assert matrix.iou()[ABSENT] is None
    ours = [value for value in matrix.iou() if value is not None]
    present = [class_id for class_id in range(CLASSES) if class_id != ABSENT]
    assert ours == pytest.approx(jaccard[present].tolist())
    assert matrix.mean_iou() == pytest.approx(float(jaccard[present].mean()))
    assert matrix.pixel_accuracy() == pytest.approx(float(accuracy))


def test_one_pixel_after_the_other_gives_the_same() -> None:
    counts = np.zeros((CLASSES, CLASSES), np.int64)
    for seed in range(3):
        for truth, predicted in zip(*random_maps(seed).reshape(2, -1)):
            if truth != 255:
                counts[truth, predicted] += 1

    np.testing.assert_array_equal(filled().counts, counts)


def test_a_class_that_is_only_predicted_counts_as_missed() -> None:
    matrix = ConfusionMatrix(3)
    matrix.add(np.array([[0, 0]], np.uint8), np.array([[0, 1]], np.uint8))

    assert matrix.iou() == (0.5, 0.0, None)
    assert matrix.mean_iou() == 0.25


def test_unlabelled_pixels_do_not_count_whatever_is_predicted_there() -> None:
    matrix = ConfusionMatrix(3)
    matrix.add(np.array([[255, 1]], np.uint8), np.array([[2, 1]], np.uint8))

    assert matrix.pixels == 1
    assert matrix.iou() == (None, 1.0, None)


@pytest.mark.parametrize(
    ("truth", "predicted", "said"),
    [
        (np.zeros((2, 2), np.uint8), np.zeros((2, 3), np.uint8), "shape"),
        (np.full((1, 1), 3, np.uint8), np.zeros((1, 1), np.uint8), "above 2"),
        (np.zeros((1, 1), np.uint8), np.full((1, 1), 3, np.uint8), "above 2"),
    ],
)
def test_maps_that_cannot_be_compared_are_refused(
    truth: np.ndarray, predicted: np.ndarray, said: str
) -> None:
    with pytest.raises(InvalidInput, match=said):
        ConfusionMatrix(3).add(truth, predicted)


def test_nothing_compared_has_no_measure() -> None:
    matrix = ConfusionMatrix(3)
    matrix.add(np.full((2, 2), 255, np.uint8), np.zeros((2, 2), np.uint8))

    with pytest.raises(InvalidInput, match="no labelled pixel"):
        matrix.mean_iou()
    with pytest.raises(InvalidInput, match="no labelled pixel"):
        matrix.pixel_accuracy()
