"""Bilinear interpolation with half-pixel centres: the one formula behind every resampled number.

Pixel i of an axis covers [i, i + 1), so target pixel i of n lies at (i + 1/2) * source / n - 1/2 on
the source's axis; beyond the outermost samples the axis repeats them. This is `align_corners=False`
of torch and ONNX and `INTER_LINEAR` of OpenCV.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Optional

import numpy as np


@dataclass(frozen=True)
class Taps:
    """For each target pixel of one axis, the two source samples around it and their weights.

    Attributes:
        source: samples on the source's axis.
        before: (target,) int64, the sample at or before each pixel; -1 ahead of the first sample.
        before_weight: (target,) float32, from 0 to 1; with `after_weight` it sums to 1.
        after_weight: (target,) float32, weight of the sample that follows.
    """

    source: int
    before: np.ndarray
    before_weight: np.ndarray
    after_weight: np.ndarray

    @property
    def lower(self) -> np.ndarray:
        """(target,) int64: where to read the sample before, the first one repeated."""
        lower: np.ndarray = np.maximum(self.before, 0)
        return lower

    @property
    def upper(self) -> np.ndarray:
        """(target,) int64: where to read the sample after, the last one repeated."""
        upper: np.ndarray = np.minimum(self.before + 1, self.source - 1)
        return upper


def taps(source: int, target: int) -> Taps:
    """The samples and weights that take an axis of `source` samples to `target` pixels.

    Positions are ratios of whole numbers and are rounded once, as weights: the pattern of a whole
    factor repeats bit for bit, which a position accumulated in floating point would not.
    """
    doubled = (2 * np.arange(target, dtype=np.int64) + 1) * source - target
    before = doubled // (2 * target)
    after_weight = ((doubled - before * 2 * target) / (2 * target)).astype(np.float32)
    return Taps(source, before, np.float32(1) - after_weight, after_weight)


def blend(
    before: np.ndarray,
    after: np.ndarray,
    before_weight: np.ndarray,
    after_weight: np.ndarray,
    out: Optional[np.ndarray] = None,
    spare: Optional[np.ndarray] = None,
) -> np.ndarray:
    """The weighted sum of two float32 arrays, which broadcast with their weights.

    Each product is rounded, then their sum; numpy never fuses them. Whoever interpolates through
    this function gets the same bits, whatever the shape of the arrays.

    Args:
        before: values at the earlier samples.
        after: values at the later samples.
        before_weight: weights of `before`.
        after_weight: weights of `after`.
        out: takes the result; a new array where None.
        spare: of the result's shape, overwritten; a new array where None.
    """
    out = np.multiply(before, before_weight, out=out)
    spare = np.multiply(after, after_weight, out=spare)
    total: np.ndarray = np.add(out, spare, out=out)
    return total


def interpolate(plane: np.ndarray, rows: Taps, columns: Taps) -> np.ndarray:
    """Resamples one plane, first along its rows, then along its columns.

    Args:
        plane: (source height, source width) float32.
        rows: taps of the vertical axis.
        columns: taps of the horizontal axis.

    Returns:
        (target height, target width) float32, not rounded to anything coarser.
    """
    left, right = plane[:, columns.lower], plane[:, columns.upper]
    across = blend(left, right, columns.before_weight, columns.after_weight)
    above, below = across[rows.lower], across[rows.upper]
    return blend(above, below, rows.before_weight[:, None], rows.after_weight[:, None])
