"""`runtime build-engine`: a build, or the plans of a folder that was built elsewhere.

Progress goes to stderr, evidence to stdout. A device that builds plans for a folder has neither
torch nor onnx, so what needs them is imported where a network is built.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Mapping, Sequence

from runtime.builder.engine.options import BuildEngineOptions
from runtime.builder.engine.summary import evidence_table, plans_report, rule_choice_of, rule_table
from runtime.builder.progress import ConsoleReporter
from runtime.builder.tensorrt.build_plans import build_plans
from runtime.builder.tensorrt.plan_settings import PlanChoice
from runtime.console import error_console, output_console
from runtime.repository.engine_folder import EngineFolder
from runtime.repository.manifest import Precision


def build_engine_command(options: BuildEngineOptions) -> None:
    """Builds what is asked for and shows what came of it.

    Raises:
        RuntimeFault: any step of the build failed; what was done before it is kept.
    """
    from runtime.builder.commands.check_dataset import check_before_work
    from runtime.builder.engine.build_steps import build_engine
    from runtime.builder.engine.save_recipe import resolve_and_save_recipe

    progress = error_console()
    resolved = resolve_and_save_recipe(options)
    for evaluation_set in resolved.evaluation_sets:
        check_before_work({evaluation_set.choice.name: evaluation_set.images})
    manifest = build_engine(resolved, ConsoleReporter(progress))
    shown = output_console()
    shown.print(evidence_table(manifest))
    choice = rule_choice_of(manifest)
    if choice is not None:
        shown.print(rule_table(choice))
    if resolved.plans is not None:
        shown.print(plans_report(manifest), highlight=False)
    # On stderr and unwrapped: a line to copy, not a part of the evidence.
    served = f"Serve it with `runtime serve {resolved.out}`."
    progress.print(served, soft_wrap=True, highlight=False)
    if resolved.recipe.tensorrt is not None and resolved.plans is None:
        command = EngineFolder(resolved.out).plan_command()
        progress.print(
            f"No TensorRT is installed here; on a device build its plans with `{command}`."
        )


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
    reporter = ConsoleReporter(error_console())
    manifest = build_plans(EngineFolder(folder), precisions, choice, reporter)
    shown = output_console()
    shown.print(evidence_table(manifest))
    shown.print(plans_report(manifest), highlight=False)
