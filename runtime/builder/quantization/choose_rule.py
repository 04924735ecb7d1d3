"""Which threshold rule suits a network: every one's INT8 graph is judged on the same images."""

from __future__ import annotations

from typing import Callable, Dict, List, Mapping, Tuple

import onnx

from runtime.builder.quantization.calibrate import RangeTable
from runtime.builder.quantization.comparison import (
    Comparison,
    FloatAnswers,
    noise_of_difference,
)
from runtime.builder.quantization.qdq_placement import QuantizationOptions
from runtime.builder.quantization.quantize import int8_from_float
from runtime.builder.quantization.rules import DEFAULT_RULE, RULES, RuleScore

NOISE = 2.0
"""Standard errors within which a difference counts as none."""


def choose_rule(
    model: onnx.ModelProto,
    table: RangeTable,
    options: QuantizationOptions,
    answers: FloatAnswers,
    advance: Callable[[], None] = lambda: None,
) -> Tuple[str, str, Dict[str, RuleScore]]:
    """Measures the INT8 graph of every rule and chooses one.

    Args:
        model: the float master.
        table: its ranges by every rule.
        options: what becomes INT8.
        answers: the float graph's, on the images to judge by.
        advance: called after each image of each rule.

    Returns:
        the rule, the reason in words, and the score of every rule.
    """
    measured: Dict[str, Comparison] = {}
    twins: Dict[Tuple[float, ...], str] = {}
    for rule in RULES:
        thresholds = table.thresholds(rule)
        same = twins.setdefault(tuple(thresholds.values()), rule)
        if same in measured:
            measured[rule] = measured[same]
            continue
        measured[rule] = answers.compared(int8_from_float(model, thresholds, options), advance)
    scores = score_rules(measured)
    return (*best_rule(scores), scores)


def score_rules(measured: Mapping[str, Comparison]) -> Dict[str, RuleScore]:
    """The measures of every rule, against the best one by mIoU (or agreement)."""
    best = max(measured.values(), key=lambda comparison: comparison.quality())
    scores: Dict[str, RuleScore] = {}
    for rule, comparison in measured.items():
        noise = NOISE * noise_of_difference(best, comparison)
        scores[rule] = RuleScore(
            miou=comparison.miou,
            agreement=comparison.agreement,
            sqnr_db=comparison.sqnr,
            behind=best.quality() - comparison.quality(),
            noise=noise if noise < float("inf") else None,
        )
    return scores


def best_rule(scores: Mapping[str, RuleScore]) -> Tuple[str, str]:
    """The rule to take, and why.

    Among rules that nothing but noise separates from the best it is MSE, which needs no luck; if
    MSE is clearly worse, it is the one that agrees with FP32 most, then by the logits' SQNR.
    """
    tied: List[str] = [rule for rule, score in scores.items() if score.is_as_good]
    labelled = all(score.miou is not None for score in scores.values())
    measure = "mIoU" if labelled else "agreement"
    if DEFAULT_RULE in tied:
        score = scores[DEFAULT_RULE]
        if score.behind == 0:
            return DEFAULT_RULE, f"it has the best {measure}"
        return DEFAULT_RULE, f"its {measure} is within noise of the best, and it is the default"
    best = max(tied, key=lambda rule: (scores[rule].agreement, scores[rule].sqnr_db))
    if len(tied) == 1:
        return best, f"it has the best {measure}, by more than noise"
    return best, f"of the rules within noise of the best {measure} it agrees most with FP32"
