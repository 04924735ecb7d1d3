from __future__ import annotations

from typing import Any, Dict

import numpy as np
import pytest

from runtime.errors import InvalidInput
from runtime.image.label_map import Classes, LabelMap

CLASSES = Classes(("sky", "road", "car"), ((90, 160, 255), (128, 64, 128), (0, 0, 142)))


def test_colours_are_padded_with_black_for_every_possible_id() -> None:
    colours = CLASSES.colours()
    assert colours.shape == (256, 3)
    assert colours[2].tolist() == [0, 0, 142]
    assert not colours[3:].any()


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"names": ("sky",), "palette": ((0, 0, 0),)}, "1 classes were given"),
        ({"names": ("sky", "car", "sky")}, "names repeat"),
        ({"palette": ((0, 0, 0),)}, "1 colours for 3 classes"),
        ({"palette": ((0, 0, 0), (0, 0, 256), (0, 0, 0))}, "not an RGB triple"),
        ({"palette": ((0, 0, 0), (0, 0), (0, 0, 0))}, "not an RGB triple"),
        ({"ignore_id": 2}, "ignore_id 2"),
        ({"ignore_id": 256}, "ignore_id 256"),
    ],
)
def test_contradictory_classes_are_refused(change: Dict[str, Any], problem: str) -> None:
    fields = {"names": CLASSES.names, "palette": CLASSES.palette, **change}
    with pytest.raises(InvalidInput, match=problem):
        Classes(**fields)


def test_a_label_map_counts_its_pixels() -> None:
    labels = LabelMap(np.array([[0, 0, 2], [0, 2, 2]], np.uint8), CLASSES)
    assert (labels.height, labels.width) == (2, 3)
    assert labels.pixel_counts().tolist() == [3, 0, 3]
    assert labels.shares().tolist() == [0.5, 0.0, 0.5]


def test_labels_are_contiguous_whatever_they_were_cut_from() -> None:
    large = np.zeros((8, 8), np.uint8)
    large[2:6, 2:6] = 1
    labels = LabelMap(large[2:6, 2:6], CLASSES).labels
    assert labels.flags.c_contiguous
    assert (labels == 1).all()


@pytest.mark.parametrize(
    "labels",
    [
        np.zeros((2, 3), np.int64),
        np.zeros((2, 3, 1), np.uint8),
        np.zeros((0, 3), np.uint8),
        np.full((2, 3), 3, np.uint8),
        np.full((2, 3), CLASSES.ignore_id, np.uint8),
    ],
    ids=["int64", "planes", "empty", "unknown class", "ignored"],
)
def test_a_label_map_holds_only_classes(labels: np.ndarray) -> None:
    with pytest.raises(InvalidInput, match="a label map"):
        LabelMap(labels, CLASSES)
