"""What a build came to, for people: tables of evidence and of threshold rules, lines of plans."""

from __future__ import annotations

from typing import Any, Dict, Iterator, List, Optional, Tuple

from rich.table import Table

from runtime.builder.quantization.rules import RuleChoice
from runtime.repository.manifest import Build, EngineManifest, Evidence

MEGABYTE = 1e6
_SHOWN = 8
"""Names that a line lists before it only counts the rest."""


def evidence_table(manifest: EngineManifest) -> Table:
    """Size and accuracy of every build; figures on images seen in training are called so.

    A plan that was built and not run shows the figures of its portable twin, and says whose.
    """
    gmacs = manifest.model.macs / 1e9
    title = f"{manifest.name}: {manifest.model.parameters:,} parameters, {gmacs:.2f} GMACs"
    table = Table(title=title)
    for heading in ("build", "MB", "measured on", "images", "mIoU", "to FP32", "agreement"):
        words = heading in ("build", "measured on")
        table.add_column(heading, justify="left" if words else "right")
    for build in manifest.builds:
        name = " ".join(filter(None, (build.precision, build.backend, _place(build))))
        size = f"{build.size / MEGABYTE:.1f}"
        measured = list(_measured(build))
        if not measured:
            table.add_row(name, size, "nothing")
        for found, whose in measured:
            table.add_row(name, size, *_figures(found, whose))
    return table


def _place(build: Build) -> str:
    """What GPU a plan is for; nothing for what runs anywhere."""
    if build.compute_capability is None:
        return ""
    return build.device or f"sm {build.compute_capability}"


def _measured(build: Build) -> Iterator[Tuple[Evidence, str]]:
    yield from ((found, "") for found in build.evidence)
    if not build.evidence:
        yield from ((found, " (its portable twin)") for found in build.portable_evidence)


def _figures(found: Evidence, whose: str) -> Tuple[str, str, str, str, str]:
    seen = " (seen in training)" if found.seen_in_training else ""
    change = ""
    if found.reference_miou is not None:
        change = f"{100 * (found.miou - found.reference_miou):+.2f}"
    return (
        f"{found.dataset} {found.split}{seen}{whose}",
        str(found.images),
        f"{100 * found.miou:.2f}",
        change,
        "" if found.agreement is None else f"{found.agreement:.2%}",
    )


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
        title=f"threshold rules on {choice.images} of {choice.pictures}",
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


def plans_report(manifest: EngineManifest) -> str:
    """The lines of all plans; empty where there are none."""
    return "\n".join(line for build in manifest.builds for line in plan_report(build))


def plan_report(build: Build) -> List[str]:
    """The lines to show below the table; none for a build that is no plan."""
    if build.compute_capability is None:
        return []
    facts = build.settings
    where = build.device or f"compute capability {build.compute_capability}"
    made = f"{facts.get('typing', '')}ly typed, from {facts.get('onnx', '')}"
    lines = [f"{build.artefact}: {build.precision} for {where}, {made}"]
    inspection = facts.get("inspection")
    if inspection is None:
        lines.append("  its layers are not known: it cannot be loaded on this machine")
    else:
        lines += _inspection(inspection)
    if facts.get("dla_core") is not None:
        lines += _placement(facts)
    return lines + [f"  note: {notice}" for notice in facts.get("notices", [])]


def _inspection(found: Dict[str, Any]) -> Iterator[str]:
    by_type = ", ".join(f"{count} {kind}" for kind, count in found["convolutions"].items())
    yield (
        f"  {found['layers']} layers, {found['fused']} of them fused, {found['reformats']} "
        f"conversions; convolutions: {by_type or 'none told'}"
    )
    wrong = [f"{name} ({kind})" for name, kind in found["not_int8"].items()]
    if wrong:
        yield f"  quantized, but not computed in INT8: {_listed(wrong)}"
    if found["untraced"]:
        yield f"  quantized, and not told of by name: {_listed(found['untraced'])}"


def _placement(facts: Dict[str, Any]) -> Iterator[str]:
    placed = facts["placement"]
    yield f"  DLA {facts['dla_core']} is to run {len(placed['dla'])} layers, the GPU the others"
    if placed["gpu"]:
        yield f"  on the GPU: {_listed(placed['gpu'])}"
    if facts["without_range"]:
        yield f"  in FP16 for want of a range: {_listed(facts['without_range'])}"


def _listed(names: List[str]) -> str:
    more = len(names) - _SHOWN
    return ", ".join(names[:_SHOWN]) + (f" and {more} more" if more > 0 else "")
