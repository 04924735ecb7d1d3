"""What was measured of every build, as a table for people."""

from __future__ import annotations

from typing import Iterator, Tuple

from rich.table import Table

from runtime.repository.manifest import Build, EngineManifest, Evidence

MEGABYTE = 1e6


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
