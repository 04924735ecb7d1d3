from __future__ import annotations

from typing import Dict, List

import numpy as np
import pytest

from runtime.builder.quantization.shared_weights import (
    SCALE_FLOOR,
    QuantizedWeight,
    quantized_weights,
)


def weight(seed: int = 0, channels: int = 6) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(channels, 4, 3, 3)).astype(np.float32)


def scaled(base: np.ndarray, factors: List[float]) -> np.ndarray:
    factor = np.array(factors)[:, None, None, None]
    return np.asarray(base.astype(np.float64) * factor, np.float32)


def restored(quantized: QuantizedWeight, name: str) -> np.ndarray:
    return np.asarray(quantized.integers * quantized.scales[name][:, None, None, None])


def levels(*factors: List[float]) -> Dict[str, np.ndarray]:
    return {f"conv@level{i}": scaled(weight(), factor) for i, factor in enumerate(factors)}


def test_levels_that_differ_by_positive_factors_share_one_tensor() -> None:
    weights = levels([1, 2, 3, 4, 5, 6], [0.3, 0.2, 0.7, 9, 1, 2], [1e-3, 1, 1, 1, 1, 1e3])
    (quantized,) = quantized_weights(weights)
    assert set(quantized.scales) == set(weights)
    for name, original in weights.items():
        scale = quantized.scales[name][:, None, None, None]
        assert np.abs(restored(quantized, name) - original).max() <= 0.5001 * scale.max()
        assert (np.abs(restored(quantized, name) - original) <= 0.5001 * scale).all()


def test_the_largest_weight_of_each_channel_becomes_127() -> None:
    (quantized,) = quantized_weights({"conv": weight()})
    assert (np.abs(quantized.integers.astype(int)).reshape(6, -1).max(1) == 127).all()


def test_a_sign_that_differs_costs_a_copy() -> None:
    weights = levels([1, 1, 1, 1, 1, 1], [1, 1, -1, 1, 1, 1], [2, 2, -2, 2, 2, 2])
    groups = [set(quantized.scales) for quantized in quantized_weights(weights)]
    assert groups == [{"conv@level0"}, {"conv@level1", "conv@level2"}]


def test_a_channel_that_is_dead_on_one_level_is_shared_all_the_same() -> None:
    weights = levels([1, 1, 0, 1, 1, 1], [1, 1, 2, 1, 1, 1])
    (quantized,) = quantized_weights(weights)
    assert np.abs(restored(quantized, "conv@level0")[2]).max() <= 127.1 * SCALE_FLOOR
    expected = weights["conv@level1"][2]
    found = restored(quantized, "conv@level1")[2]
    assert np.abs(found - expected).max() <= 0.51 * np.abs(expected).max() / 127


def test_a_channel_that_is_dead_everywhere_has_a_positive_scale() -> None:
    (quantized,) = quantized_weights(levels([0, 1, 1, 1, 1, 1]))
    assert quantized.scales["conv@level0"].min() == np.float32(SCALE_FLOOR)
    assert not quantized.integers[0].any()


@pytest.mark.parametrize("other", [weight(seed=1), weight(channels=5)])
def test_different_weights_share_nothing(other: np.ndarray) -> None:
    assert len(quantized_weights({"one": weight(), "two": other})) == 2
