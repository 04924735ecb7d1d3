"""`runtime build-engine`: a build with its progress on stderr and its evidence on stdout."""

from __future__ import annotations

import sys

from rich.console import Console
from rich.table import Table

from runtime.builder.engine.chain import build_from_request
from runtime.builder.engine.order import BuildRequest
from runtime.builder.engine.reporter import ConsoleReporter
from runtime.manifest import EngineManifest

MEGABYTE = 1e6


def build_engine_command(request: BuildRequest) -> None:
    """Builds what is asked for and shows what came of it.

    Raises:
        RuntimeFault: any step of the build failed; what was done before it is kept.
    """
    manifest = build_from_request(request, ConsoleReporter(Console(stderr=True)))
    Console(file=sys.stdout).print(evidence_table(manifest))


def evidence_table(manifest: EngineManifest) -> Table:
    """Size and accuracy of every build; figures on pictures seen in training are called so."""
    gmacs = manifest.model.macs / 1e9
    title = f"{manifest.name}: {manifest.model.parameters:,} parameters, {gmacs:.2f} GMACs"
    table = Table(title=title)
    for heading in ("build", "MB", "measured on", "images", "mIoU", "to FP32", "agreement"):
        words = heading in ("build", "measured on")
        table.add_column(heading, justify="left" if words else "right")
    for build in manifest.builds:
        name = f"{build.precision} {build.backend}"
        size = f"{build.size / MEGABYTE:.1f}"
        if not build.evidence:
            table.add_row(name, size, "nothing")
        for found in build.evidence:
            seen = " (seen in training)" if found.seen_in_training else ""
            change = ""
            if found.reference_miou is not None:
                change = f"{100 * (found.miou - found.reference_miou):+.2f}"
            table.add_row(
                name,
                size,
                f"{found.dataset} {found.split}{seen}",
                str(found.images),
                f"{100 * found.miou:.2f}",
                change,
                "" if found.agreement is None else f"{found.agreement:.2%}",
            )
    return table
