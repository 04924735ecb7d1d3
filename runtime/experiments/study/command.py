"""`runtime study`: from a recipe to results, as far as they are not there yet."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Optional

from runtime.console import error_console, output_console
from runtime.errors import BuildFailed, InvalidInput
from runtime.experiments.study.collect import Collector
from runtime.experiments.study.console import (
    ConsoleAudience,
    progress_on,
    results_table,
    steps_table,
)
from runtime.experiments.study.graph import graph_of
from runtime.experiments.study.recipe import recipe_from_file
from runtime.experiments.study.resolve import prepare_study
from runtime.experiments.study.runner import Runner, only_study_in
from runtime.experiments.study.store import StepStore


@dataclass(frozen=True)
class StudyOptions:
    """One call of `runtime study`.

    Attributes:
        recipe: its file.
        out: folder of the study; what was done there is not done again.
        jobs: steps at a time.
        data: folder of the dataset, instead of the recipe's.
        dry_run: show the steps and do none.
        speed: measure it, if the recipe asks for it.
    """

    recipe: Path
    out: Path
    jobs: int = 1
    data: Optional[Path] = None
    dry_run: bool = False
    speed: bool = True


def run_study(options: StudyOptions) -> None:
    """Does all steps of the study that are not done.

    Raises:
        InvalidConfig: the recipe or a plan contradicts itself.
        InvalidInput: the dataset or a checkpoint cannot be used.
        BuildFailed: steps failed, or another process runs this study.
    """
    if options.jobs < 1:
        raise InvalidInput(f"--jobs is {options.jobs}", "Give a whole number from 1 up")
    recipe = recipe_from_file(options.recipe)
    study = prepare_study(recipe, options.recipe.parent, options.data)
    graph = graph_of(study)
    store = StepStore(options.out, graph.steps)
    if options.dry_run:
        output_console().print(steps_table(graph.steps, store))
        return
    options.out.mkdir(parents=True, exist_ok=True)
    console = error_console()
    with only_study_in(options.out) as lock, progress_on(console) as progress:
        collector = Collector(study, graph, store, options.out)
        collector.collect()
        audience = ConsoleAudience(console, progress, collector.collect)
        steps = {n: s for n, s in graph.steps.items() if options.speed or n != graph.speed}
        with Runner(steps, store, options.jobs, audience, lock) as runner:
            runner.run()
        results = collector.collect()
    if runner.failures:
        left = sum(store.done(step) is None for step in graph.steps.values())
        raise BuildFailed(
            f"{len(runner.failures)} steps failed ({', '.join(runner.failures)}), and "
            f"{left - len(runner.failures)} wait for them",
            "Read their logs, remove the cause and run the study again: what is done stays",
        )
    output_console().print(results_table(results))
