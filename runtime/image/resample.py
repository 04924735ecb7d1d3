"""Bilinear and area resampling: the formulas behind every resampled number.

Bilinear, with half-pixel centres: pixel i of an axis covers [i, i + 1), so target pixel i of n lies
at (i + 1/2) * source / n - 1/2 on the source's axis; beyond the outermost samples the axis repeats
them. This is `align_corners=False` of torch and ONNX and `INTER_LINEAR` of OpenCV.

Area: every target pixel is the mean of what it covers. Bilinear interpolation reads four samples
however many a pixel covers, so a strong reduction skips most of the image; the mean skips nothing.
This is `INTER_AREA` of OpenCV where both sides shrink.
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
    """The samples around each pixel of an axis, and their weights.

    Positions are ratios of whole numbers and are rounded once, as weights: the pattern of a whole
    factor repeats bit for bit, which a position accumulated in floating point would not.

    Args:
        source: samples on the axis.
        target: pixels on the axis.
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
    """Resamples one plane bilinearly, first along its rows, then along its columns.

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


@dataclass(frozen=True)
class Footprints:
    """For each target pixel of one axis, the run of source samples that it covers.

    Attributes:
        source: samples on the source's axis.
        first: (target,) int64, the first sample of each run.
        shares: (longest run, target) float32, the share that each sample has in the pixel; they sum
            to 1, and are 0 beyond the run's end.
    """

    source: int
    first: np.ndarray
    shares: np.ndarray


def footprints(source: int, target: int) -> Footprints:
    """What each pixel of an axis covers of its samples.

    Counted in parts of which a sample has `target` and a pixel has `source`, all edges are whole
    numbers, and shares are their ratios, rounded once.

    Args:
        source: samples on the axis.
        target: pixels on the axis.
    """
    start = np.arange(target, dtype=np.int64) * source
    end = start + source
    first = start // target
    longest = int((-(-end // target) - first).max())
    sample = first + np.arange(longest)[:, None]
    covered = np.minimum(end, (sample + 1) * target) - np.maximum(start, sample * target)
    shares = (np.maximum(covered, 0) / source).astype(np.float32)
    return Footprints(source, first, shares)


def reduce_area(plane: np.ndarray, rows: Footprints, columns: Footprints) -> np.ndarray:
    """Resamples one plane by area, first along its rows, then along its columns.

    Products are summed in the order of the samples, each rounded to float32.

    Args:
        plane: (source height, source width) float32, not negative.
        rows: footprints of the vertical axis.
        columns: footprints of the horizontal axis.

    Returns:
        (target height, target width) float32, not rounded to anything coarser.
    """
    return _reduced_axis(_reduced_axis(plane.T, columns).T, rows)


def _reduced_axis(samples: np.ndarray, axis: Footprints) -> np.ndarray:
    total: np.ndarray = samples[axis.first] * axis.shares[0][:, None]
    for nth, share in enumerate(axis.shares[1:], start=1):
        total += samples[np.minimum(axis.first + nth, axis.source - 1)] * share[:, None]
    return total
