from __future__ import annotations

from typing import List

import numpy as np
import pytest

from runtime.builder.quantization.histogram import (
    BINS,
    THRESHOLDS,
    Histogram,
    entropy,
    maximum,
    mean_squared_error,
    percentile,
)


def histogram_of(values: np.ndarray) -> Histogram:
    histogram = Histogram(float(np.abs(values).max()))
    histogram.add(values.astype(np.float32))
    return histogram


def bell(count: int = 200_000) -> np.ndarray:
    return np.random.default_rng(1).normal(size=count)


def int8_error(values: np.ndarray, threshold: float) -> float:
    """Mean squared error of symmetric INT8 with a threshold, computed the long way."""
    scale = threshold / 127
    restored = np.clip(np.rint(values / scale), -127, 127) * scale
    return float(np.mean((values - restored) ** 2))


def test_every_value_is_counted_once_by_its_magnitude() -> None:
    histogram = Histogram(2.0)
    histogram.add(np.array([0, 0.5, -0.5, 2, -2], np.float32))
    assert histogram.counts.sum() == 5
    assert histogram.counts[0] == 1
    assert histogram.counts[BINS // 4] == 2
    assert histogram.counts[-1] == 2


def test_order_and_grouping_do_not_matter() -> None:
    values = bell().astype(np.float32)
    whole = histogram_of(values)
    parts = Histogram(whole.maximum)
    for part in reversed(np.array_split(values, 7)):
        parts.add(part)
    assert np.array_equal(whole.counts, parts.counts)


def test_maximum_clips_nothing() -> None:
    values = bell()
    assert maximum(histogram_of(values)) == np.abs(values).max()


@pytest.mark.parametrize("share", [0.5, 0.9999])
def test_percentile_is_numpys_up_to_a_bin(share: float) -> None:
    histogram = histogram_of(bell())
    expected = float(np.quantile(np.abs(bell()), share))
    assert percentile(histogram, share) == pytest.approx(expected, abs=2 * histogram.width)


@pytest.mark.parametrize("power", [1, 2, 3])
def test_mean_squared_error_finds_the_best_threshold(power: int) -> None:
    values = np.sign(bell()) * np.abs(bell()) ** power
    chosen = int8_error(values, mean_squared_error(histogram_of(values)))
    tried = np.linspace(0.05, 1, 60) * np.abs(values).max()
    assert chosen <= 1.01 * min(int8_error(values, threshold) for threshold in tried)


def test_rectified_zeros_do_not_move_the_least_error() -> None:
    values = bell()
    half = np.concatenate([np.maximum(values, 0), np.zeros(len(values))])
    alone = mean_squared_error(histogram_of(np.abs(values)))
    assert mean_squared_error(histogram_of(half)) == pytest.approx(alone, rel=0.05)


@pytest.mark.parametrize("rule", ["entropy", "mse", "percentile-99.999"])
def test_a_lone_outlier_is_clipped(rule: str) -> None:
    values = np.concatenate([np.clip(bell(), -4, 4), [40.0]])
    assert THRESHOLDS[rule](histogram_of(values)) < 25


def test_entropy_keeps_a_uniform_distribution_whole() -> None:
    values = np.linspace(-1, 1, 100_001)
    assert entropy(histogram_of(values)) == pytest.approx(1, abs=0.02)


def test_entropy_has_many_thresholds_to_choose_from() -> None:
    wide = [entropy(histogram_of(np.sign(bell()) * np.abs(bell()) ** p)) for p in (1.0, 2.0, 3.0)]
    shares: List[float] = [w / np.abs(bell()).max() ** p for w, p in zip(wide, (1.0, 2.0, 3.0))]
    assert len({round(share, 3) for share in shares}) == 3


@pytest.mark.parametrize("rule", sorted(THRESHOLDS))
def test_a_dead_tensor_has_a_range_of_zero(rule: str) -> None:
    assert THRESHOLDS[rule](histogram_of(np.zeros(1000))) == 0
