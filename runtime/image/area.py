"""Area resampling: every target pixel is the mean of what it covers.

Bilinear interpolation reads four samples however many a pixel covers, so a strong reduction skips
most of the image; the mean skips nothing. This is `INTER_AREA` of OpenCV where both sides shrink.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


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
    """What each of `target` pixels covers on an axis of `source` samples.

    Counted in parts of which a sample has `target` and a pixel has `source`, all edges are whole
    numbers, and shares are their ratios, rounded once.
    """
    start = np.arange(target, dtype=np.int64) * source
    end = start + source
    first = start // target
    longest = int((-(-end // target) - first).max())
    sample = first + np.arange(longest)[:, None]
    covered = np.minimum(end, (sample + 1) * target) - np.maximum(start, sample * target)
    shares = (np.maximum(covered, 0) / source).astype(np.float32)
    return Footprints(source, first, shares)


def reduce(plane: np.ndarray, rows: Footprints, columns: Footprints) -> np.ndarray:
    """Resamples one plane, first along its rows, then along its columns.

    Products are summed in the order of the samples, each rounded to float32.

    Args:
        plane: (source height, source width) float32, not negative.
        rows: of the vertical axis.
        columns: of the horizontal axis.

    Returns:
        (target height, target width) float32, not rounded to anything coarser.
    """
    return _reduced(_reduced(plane.T, columns).T, rows)


def _reduced(samples: np.ndarray, axis: Footprints) -> np.ndarray:
    total: np.ndarray = samples[axis.first] * axis.shares[0][:, None]
    for nth, share in enumerate(axis.shares[1:], start=1):
        total += samples[np.minimum(axis.first + nth, axis.source - 1)] * share[:, None]
    return total
