"""`runtime study`: many networks from one recipe, resumable at any moment."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from pathlib import Path

HELP = "train, prune, recover, quantize and judge networks by one recipe"


def add_arguments(parser: ArgumentParser) -> None:
    """What to study, and where its results go."""
    add = parser.add_argument
    add("recipe", type=Path, metavar="RECIPE", help="what to compare, in TOML")
    add("--out", type=Path, required=True, metavar="FOLDER", help="what was begun there goes on")
    add("--jobs", type=int, default=1, metavar="N", help="steps at a time, of one thread each [1]")
    add("--data", type=Path, metavar="DIR", help="folder of the dataset, if not the recipe's")
    add("--no-speed", dest="speed", action="store_false", help="leave speed for a quieter hour")
    add("--dry-run", action="store_true", help="show the steps, done and to do, and do none")


def run(arguments: Namespace) -> None:
    """Does what is not done yet.

    Raises:
        RuntimeFault: the recipe cannot be used, or a step failed.
    """
    from runtime.experiments.study.command import StudyOptions, run_study

    run_study(
        StudyOptions(
            recipe=arguments.recipe,
            out=arguments.out,
            jobs=arguments.jobs,
            data=arguments.data,
            dry_run=arguments.dry_run,
            speed=arguments.speed,
        )
    )
