"""What became of a plan, in sentences: precisions, fusions, conversions, and who runs what."""

from __future__ import annotations

from typing import Any, Dict, Iterator, List

from runtime.repository.manifest import Build, EngineManifest

_SHOWN = 8


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
