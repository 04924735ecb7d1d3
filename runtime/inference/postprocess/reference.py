"""Labels at the model's size, defined: interpolate each class in float32, keep the largest.

Labels are not a tensor with a tolerance; a fast path is right when every pixel is equal.
"""

from __future__ import annotations

from typing import Tuple

import numpy as np

from runtime.image.resample import interpolate, taps


def labels_from_logits(logits: np.ndarray, size: Tuple[int, int]) -> np.ndarray:
    """Upsamples the logits (`resample.interpolate`) and takes the class with the largest value.

    On ties the lowest class wins. Differs from torch's `interpolate` and `argmax` only where two
    classes are within rounding of each other: torch's own order of sums depends on memory layout.

    Args:
        logits: (grid height, grid width, classes) float32, 2 to 255 classes.
        size: height and width of the result, pixels.

    Returns:
        (height, width) uint8 class ids.
    """
    grid_height, grid_width, classes = logits.shape
    rows, columns = taps(grid_height, size[0]), taps(grid_width, size[1])
    labels = np.zeros(size, np.uint8)
    best = interpolate(logits[..., 0], rows, columns)
    for class_id in range(1, classes):
        value = interpolate(logits[..., class_id], rows, columns)
        labels[value > best] = class_id
        np.maximum(best, value, out=best)
    return labels
