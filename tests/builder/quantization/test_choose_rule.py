from __future__ import annotations

from typing import Dict, Optional

import numpy as np

from runtime.builder.quantization.choose_rule import best_rule, choose_rule, score_rules
from runtime.builder.quantization.comparison import Comparison
from runtime.builder.quantization.qdq_placement import QuantizationOptions
from runtime.builder.quantization.rules import RULES
from tests.builder.quantization.calibrated import Calibrated


def comparison(right: float, noise: float = 1.0, wobble: float = 0.0) -> Comparison:
    """Of ten blocks of a thousand pixels, so many right; `wobble` varies it from block to block."""
    blocks = 10
    hits = np.rint(1000 * (right + wobble * (-1.0) ** np.arange(blocks))).astype(np.int64)
    confusion = np.zeros((blocks, 2, 2), np.int64)
    confusion[:, 0, 0] = confusion[:, 1, 1] = hits
    confusion[:, 0, 1] = confusion[:, 1, 0] = 1000 - hits
    return Comparison(
        np.full(blocks, 1e4), np.full(blocks, noise), hits, np.full(blocks, 1000), confusion
    )


def chosen(**measured: Comparison) -> str:
    return best_rule(score_rules(measured))[0]


def test_the_best_rule_wins_by_more_than_noise() -> None:
    assert chosen(mse=comparison(0.90), entropy=comparison(0.95), max=comparison(0.8)) == "entropy"


def test_mse_is_taken_where_only_noise_separates_it_from_the_best() -> None:
    wobbly = comparison(0.95, wobble=0.04)
    assert chosen(mse=comparison(0.94), entropy=wobbly) == "mse"


def test_without_mse_a_tie_goes_to_who_agrees_most_with_fp32_then_to_the_cleaner_logits() -> None:
    wobbly = comparison(0.95, wobble=0.04)
    close = comparison(0.945)
    assert chosen(mse=comparison(0.8), entropy=wobbly, max=close) == "entropy"
    assert chosen(mse=comparison(0.8), entropy=close, max=comparison(0.945, noise=0.5)) == "max"


def test_a_single_image_leaves_the_default() -> None:
    def single(right: int) -> Comparison:
        one = np.ones(1)
        return Comparison(one, one, np.array([right]), np.array([100]))

    assert chosen(mse=single(50), max=single(99)) == "mse"


def test_every_rule_is_measured_on_the_network_itself(calibrated: Calibrated) -> None:
    answers = calibrated.answers()
    rule, reason, scores = choose_rule(
        calibrated.model, calibrated.table, QuantizationOptions(), answers
    )
    assert list(scores) == list(RULES)
    assert rule in RULES
    assert reason
    best: Dict[str, Optional[float]] = {name: score.miou for name, score in scores.items()}
    leader = max(best, key=lambda name: best[name] or 0)
    assert scores[leader].behind == 0
    assert all(score.behind >= 0 for score in scores.values())
