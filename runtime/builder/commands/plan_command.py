"""`runtime build-engine --folder`: plans for a folder that was built elsewhere."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any, Mapping, Sequence

from rich.console import Console

from runtime.builder.engine.plan_report import plans_report
from runtime.builder.engine.summary import evidence_table
from runtime.builder.progress import ConsoleReporter
from runtime.builder.tensorrt.build_plans import build_plans
from runtime.builder.tensorrt.plan_settings import PlanChoice
from runtime.repository.engine_folder import EngineFolder
from runtime.repository.manifest import Precision


def build_plans_command(
    folder: Path, precisions: Sequence[Precision], flags: Mapping[str, Any]
) -> None:
    """Builds plans for the GPU here or for those that are named, and shows all builds.

    Args:
        folder: a finished engine folder.
        precisions: none means those of its portable builds.
        flags: fields of `PlanChoice`.

    Raises:
        RuntimeFault: a plan cannot be built; those before it are kept.
    """
    choice = PlanChoice().overridden(flags)
    reporter = ConsoleReporter(Console(stderr=True))
    manifest = build_plans(EngineFolder(folder), precisions, choice, reporter)
    shown = Console(file=sys.stdout)
    shown.print(evidence_table(manifest))
    shown.print(plans_report(manifest), highlight=False, markup=False)
