"""Canaries for tests: an image of twice the model's size, bright on the right, and its mask."""

from __future__ import annotations

import numpy as np

from runtime.image.frame import Frame
from runtime.image.label_map import LabelMap
from runtime.inference.canary import Canary
from tests.engines import HEIGHT, WIDTH, small_manifest


def right_labels() -> np.ndarray:
    """The mask that a working engine gives."""
    return (_image()[..., 0] > 0).astype(np.uint8)


def canary(labels: np.ndarray, minimum: float = 0.97) -> Canary:
    """The image with a mask of the test's own."""
    classes = small_manifest().classes.to_classes()
    return Canary(Frame(_image(), 0, 0.0, "canary"), LabelMap(labels, classes), minimum)


def _image() -> np.ndarray:
    pixels = np.zeros((2 * HEIGHT, 2 * WIDTH, 3), np.uint8)
    pixels[:, WIDTH:] = 255
    return pixels
