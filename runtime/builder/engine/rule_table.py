"""Every threshold rule's INT8 graph side by side, as a table for people."""

from __future__ import annotations

from typing import Optional

from rich.table import Table

from runtime.builder.quantization.choose_rule import RuleChoice
from runtime.repository.manifest import EngineManifest


def rule_choice_of(manifest: EngineManifest) -> Optional[RuleChoice]:
    """What the INT8 build's rule was chosen by, if it was measured."""
    for build in manifest.builds:
        choice = build.settings.get("threshold_rules")
        if build.precision == "int8" and choice is not None:
            return RuleChoice.model_validate(choice)
    return None


def rule_table(choice: RuleChoice) -> Table:
    """mIoU, its change from FP32 and agreement of each rule; the chosen one is marked."""
    table = Table(
        title=f"threshold rules on {choice.images} of {choice.images}",
        caption=f"{choice.rule}: {choice.reason}",
    )
    for heading in ("rule", "mIoU", "to FP32", "noise", "agreement", "logits dB"):
        table.add_column(heading, justify="left" if heading == "rule" else "right")
    for rule, score in choice.scores.items():
        change = ""
        if score.miou is not None and choice.reference_miou is not None:
            change = f"{100 * (score.miou - choice.reference_miou):+.3f}"
        table.add_row(
            f"{rule} *" if rule == choice.rule else rule,
            "" if score.miou is None else f"{100 * score.miou:.3f}",
            change,
            "" if score.noise is None else f"{100 * score.noise:.3f}",
            f"{score.agreement:.3%}",
            f"{score.sqnr_db:.1f}",
        )
    return table
