"""Histograms of magnitudes, and the rules that turn one into a clipping threshold.

Counts are integers and the bins are fixed before counting, so neither the order nor the grouping
of images can change the outcome, and memory does not grow with their number.
"""

from __future__ import annotations

from typing import Callable, Dict

import numpy as np

from runtime.builder.quantization.rules import RULES
from runtime.builder.quantization.shared_weights import INT8_LIMIT

BINS = 4096
_ENTROPY_BINS = 2048
_ENTROPY_LEVELS = 128
_ENTROPY_STRIDE = 8
_CHUNK = 1 << 18


class Histogram:
    """Counts of |x| in `BINS` equal bins from zero to a maximum known beforehand.

    Args:
        maximum: the largest magnitude, from a first pass over the same numbers.
    """

    def __init__(self, maximum: float) -> None:
        self.maximum = maximum
        self.counts = np.zeros(BINS, np.int64)

    def add(self, values: np.ndarray) -> None:
        """Counts float32 values, all at most `maximum` in magnitude."""
        if self.maximum == 0:
            self.counts[0] += values.size
            return
        flat = values.reshape(-1)
        # Float32 throughout, in pieces that stay in the cache: this is the calibration's hot loop.
        scale = np.float32(BINS / self.maximum)
        for start in range(0, flat.size, _CHUNK):
            places = (np.abs(flat[start : start + _CHUNK]) * scale).astype(np.int32)
            np.minimum(places, BINS - 1, out=places)
            self.counts += np.bincount(places, minlength=BINS)

    @property
    def width(self) -> float:
        """The width of one bin."""
        return self.maximum / BINS


def maximum(histogram: Histogram) -> float:
    """Nothing is clipped."""
    return histogram.maximum


def percentile(histogram: Histogram, share: float) -> float:
    """The smallest bin edge below which at least `share` of the values lie.

    Args:
        histogram: counts of absolute values.
        share: of the values, 0 to 1.
    """
    below = np.cumsum(histogram.counts)
    enough = int(np.searchsorted(below, share * below[-1]))
    return (min(enough, BINS - 1) + 1) * histogram.width


def mean_squared_error(histogram: Histogram) -> float:
    """The threshold with the least expected squared error of rounding and clipping.

    With a step s = T / 127, magnitudes below s / 2 become zero, those up to T are off by a
    uniformly distributed rest (s^2 / 12 on average), and those above T by x - T.
    """
    if histogram.maximum == 0:
        return 0.0
    counts = histogram.counts.astype(np.float64)
    centres = (np.arange(BINS) + 0.5) * histogram.width
    centres[0] = 0  # rectified tensors have most of this bin's values at zero itself
    sums = [np.concatenate([[0.0], np.cumsum(counts * centres**power)]) for power in range(3)]
    kept = np.arange(1, BINS + 1)
    threshold = kept * histogram.width
    step = threshold / INT8_LIMIT
    to_zero = np.clip(np.ceil(step / 2 / histogram.width - 0.5), 1, kept).astype(np.int64)
    vanishing = sums[2][to_zero]
    rounding = step**2 / 12 * (sums[0][kept] - sums[0][to_zero])
    above = [total[-1] - total[kept] for total in sums]
    clipping = above[2] - 2 * threshold * above[1] + threshold**2 * above[0]
    return float(threshold[np.argmin(vanishing + rounding + clipping)])


def entropy(histogram: Histogram) -> float:
    """The threshold that loses the least information, by Kullback-Leibler divergence.

    After S. Migacz, "8-bit inference with TensorRT", GTC 2017: the clipped distribution, with the
    outliers in its last bin, is compared with itself seen through 128 levels, for every eighth
    number of the 2048 bins from 128 up.
    """
    counts = histogram.counts.reshape(_ENTROPY_BINS, -1).sum(1).astype(np.float64)
    # A rectifier's zeros cost nothing to represent; left in, they drown everything else.
    counts[0] = counts[1]
    total = counts.sum()
    if total == 0:
        return histogram.maximum
    best, best_kept = np.inf, _ENTROPY_BINS
    for kept in range(_ENTROPY_LEVELS, _ENTROPY_BINS + 1, _ENTROPY_STRIDE):
        divergence = _divergence(counts, kept)
        # The last of equals: of two thresholds that lose the same, the one that clips less.
        if divergence <= best:
            best, best_kept = divergence, kept
    return best_kept / _ENTROPY_BINS * histogram.maximum


def _divergence(counts: np.ndarray, kept: int) -> float:
    inside = counts[:kept]
    reference = inside.copy()
    reference[-1] += counts[kept:].sum()
    starts = -(-np.arange(_ENTROPY_LEVELS) * kept // _ENTROPY_LEVELS)
    occupied = inside > 0
    members = np.maximum(np.add.reduceat(occupied, starts, dtype=np.int64), 1)
    level = np.arange(kept) * _ENTROPY_LEVELS // kept
    seen = np.where(occupied, (np.add.reduceat(inside, starts) / members)[level], 0)
    present = reference > 0
    if not inside.sum() or (seen[present] == 0).any():
        return float("inf")
    p, q = reference[present] / reference.sum(), seen[present] / seen.sum()
    return float((p * np.log(p / q)).sum())


_READERS: Dict[str, Callable[[Histogram], float]] = {
    "max": maximum,
    "percentile-99.99": lambda histogram: percentile(histogram, 0.9999),
    "percentile-99.999": lambda histogram: percentile(histogram, 0.99999),
    "mse": mean_squared_error,
    "entropy": entropy,
}
THRESHOLDS: Dict[str, Callable[[Histogram], float]] = {rule: _READERS[rule] for rule in RULES}
"""The threshold by each of the rules that recipes name; a rule without one fails the import."""
