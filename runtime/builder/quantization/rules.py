"""The threshold rules by name, and the record of a choice among them.

Neither torch nor onnx is loaded here, so the command line and a device that only builds plans can
name rules and show what was measured of them.
"""

from __future__ import annotations

from typing import Dict, Optional, Tuple

from pydantic import BaseModel, ConfigDict

RULES: Tuple[str, ...] = ("max", "percentile-99.99", "percentile-99.999", "mse", "entropy")
"""Ways to read a clipping threshold off a histogram; `histogram.THRESHOLDS` computes them."""
DEFAULT_RULE = "mse"
AUTO = "auto"
"""In place of a rule: choose one by measuring all."""
RULES_OR_AUTO: Tuple[str, ...] = (AUTO, *RULES)
"""What a recipe and a flag may say."""


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
        pictures: what the images are called that the rules were measured on.
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
