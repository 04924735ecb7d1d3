"""`runtime build-engine`: a build with its progress on stderr and its evidence on stdout."""

from __future__ import annotations

import sys

from rich.console import Console

from runtime.builder.engine.build_steps import build_engine
from runtime.builder.engine.plan_report import plans_report
from runtime.builder.engine.resolve import BuildEngineOptions, resolve_build
from runtime.builder.engine.rule_table import rule_choice_of, rule_table
from runtime.builder.engine.summary import evidence_table
from runtime.builder.progress import ConsoleReporter
from runtime.repository.engine_folder import EngineFolder


def build_engine_command(request: BuildEngineOptions) -> None:
    """Builds what is asked for and shows what came of it.

    Raises:
        RuntimeFault: any step of the build failed; what was done before it is kept.
    """
    told = Console(stderr=True)
    order = resolve_build(request)
    manifest = build_engine(order, ConsoleReporter(told))
    shown = Console(file=sys.stdout)
    shown.print(evidence_table(manifest))
    choice = rule_choice_of(manifest)
    if choice is not None:
        shown.print(rule_table(choice))
    if order.plans is not None:
        shown.print(plans_report(manifest), highlight=False, markup=False)
    # On stderr and unwrapped: a line to copy, not a part of the evidence.
    served = f"Serve it with `runtime serve {order.out}`."
    told.print(served, soft_wrap=True, highlight=False, markup=False)
    if order.recipe.tensorrt is not None and order.plans is None:
        command = EngineFolder(order.out).plan_command()
        told.print(f"No TensorRT is installed here; on a device build its plans with `{command}`.")
