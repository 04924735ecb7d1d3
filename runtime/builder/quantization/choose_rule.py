"""Which threshold rule suits a network: every one's INT8 graph is judged on the same images."""

from __future__ import annotations

from typing import Callable, Dict, List, Mapping, Optional, Tuple

import onnx
from pydantic import BaseModel, ConfigDict

from runtime.builder.quantization.calibrate import RangeTable
from runtime.builder.quantization.comparison import (
    Comparison,
    FloatAnswers,
    noise_of_difference,
)
from runtime.builder.quantization.histogram import DEFAULT_RULE, RULES
from runtime.builder.quantization.qdq_placement import QuantizationOptions
from runtime.builder.quantization.quantize import int8_from_float

AUTO = "auto"
"""In place of a rule: choose one by measuring all."""
NOISE = 2.0
"""Standard errors within which a difference counts as none."""


class RuleScore(BaseModel):
    """One rule's INT8 graph on the images of the choice.

    Attributes:
        miou: with the truth; None without labels.
        agreement: share of pixels labelled as FP32 does.
        sqnr_db: signal to quantization noise of the logits.
        behind: how far its mIoU (without labels: its agreement) is below the best rule's.
        noise: two standard errors of that difference; below it the rules are equally good.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    miou: Optional[float]
    agreement: float
    sqnr_db: float
    behind: float
    noise: Optional[float]

    @property
    def is_as_good(self) -> bool:
        """Whether nothing but noise separates it from the best; a single image tells nothing."""
        return self.noise is None or self.behind <= self.noise


class RuleChoice(BaseModel):
    """The rule chosen, and every rule's score.

    Attributes:
        rule: the chosen one.
        reason: in words.
        pictures: what the images are called that every rule was judged on.
        images: how many there are.
        reference_miou: FP32's on them; None without labels.
        scores: by rule.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    rule: str
    reason: str
    pictures: str
    images: int
    reference_miou: Optional[float]
    scores: Dict[str, RuleScore]


def rule_chosen(
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
