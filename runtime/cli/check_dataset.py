"""`runtime check-dataset`: what is odd or wrong about a dataset, before anything rests on it."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from pathlib import Path

HELP = "look for mistakes in a dataset"


def add_arguments(parser: ArgumentParser) -> None:
    """Which dataset, and where to write what was found."""
    parser.add_argument("dataset", type=Path, metavar="DATASET", help="folder of the dataset")
    parser.add_argument(
        "--out",
        type=Path,
        metavar="FOLDER",
        help="write check.json and examples.png there: images beside their labels",
    )


def run(arguments: Namespace) -> None:
    """Shows sizes, class shares, and all that is odd or wrong.

    Raises:
        RuntimeFault: something is wrong with it.
    """
    from runtime.builder.commands.check_dataset import run_check_dataset

    run_check_dataset(arguments.dataset, arguments.out)
