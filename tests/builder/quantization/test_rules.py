from __future__ import annotations

from runtime.builder.quantization.histogram import THRESHOLDS
from runtime.builder.quantization.rules import DEFAULT_RULE, RULES, RULES_OR_AUTO


def test_every_rule_can_be_asked_for_and_has_a_threshold() -> None:
    assert tuple(THRESHOLDS) == RULES
    assert {DEFAULT_RULE, *RULES} < set(RULES_OR_AUTO)
