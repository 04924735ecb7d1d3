"""`runtime profile`: milliseconds per pyramid level and residual block."""

from __future__ import annotations

import sys
from argparse import ArgumentParser, Namespace
from pathlib import Path
from typing import Tuple

from runtime.cli.image_size import image_size

HELP = "time a model's levels and blocks, and what pruning makes of them"


def add_arguments(parser: ArgumentParser) -> None:
    """Which models, on what."""
    add = parser.add_argument
    add(
        "models",
        type=_named,
        nargs="*",
        metavar="[NAME=]MODEL",
        help="checkpoints or engine folders; the others are compared with the first",
    )
    add(
        "--backend",
        dest="backends",
        action="append",
        choices=("torch", "openvino"),
        help="what runs them [both]; may be repeated",
    )
    add("--size", type=image_size, metavar="HxW", help="of the image [the first model's input]")
    add("--repetitions", type=int, default=20, metavar="N", help="passes that count [20]")
    add(
        "--tensorrt-profile",
        dest="tensorrt",
        type=Path,
        action="append",
        default=[],
        metavar="FILE",
        help="layer times that trtexec --exportProfile wrote; may be repeated",
    )
    add("--out", type=Path, metavar="FOLDER", help="write tables and heat maps there")
    add(
        "--latency-table",
        type=Path,
        metavar="FILE",
        help="measure instead what narrower groups of one checkpoint save, for "
        "`prune --allocation latency`",
    )
    add("--precision", choices=("fp32", "int8"), default="int8", help="of that table [int8]")
    add("--align", type=int, default=32, metavar="N", help="widths of that table [32]")
    add("--widths", type=int, default=4, metavar="N", help="at most so many per group [4]")


def run(arguments: Namespace) -> None:
    """Profiles, and shows the tables.

    Raises:
        RuntimeFault: a model cannot be opened.
    """
    if arguments.latency_table is not None:
        _measure_table(arguments)
        return
    from runtime.experiments.profile.command import BACKENDS, ProfileOptions, run_profile

    job = ProfileOptions(
        models=tuple(path for _, path in arguments.models),
        names={path: name for name, path in arguments.models if name},
        backends=tuple(arguments.backends or BACKENDS),
        size=arguments.size,
        repetitions=arguments.repetitions,
        tensorrt=tuple(arguments.tensorrt),
        out=arguments.out,
    )
    # A line and no bar: whatever moves on the screen would be timed as well.
    sys.stderr.write("Opening the models and timing them in turns. That may take minutes.\n")
    sys.stdout.write(run_profile(job))


def _measure_table(arguments: Namespace) -> None:
    from runtime.experiments.profile.latency_command import TableJob, run_latency_table

    job = TableJob(
        models=tuple(path for _, path in arguments.models),
        out=arguments.latency_table,
        precision=arguments.precision,
        size=arguments.size,
        alignment=arguments.align,
        widths=arguments.widths,
        repetitions=arguments.repetitions,
    )
    sys.stdout.write(run_latency_table(job))


def _named(text: str) -> Tuple[str, Path]:
    name, equals, path = text.partition("=")
    # A file whose own name has such a sign is not renamed.
    return (name, Path(path)) if equals and not Path(text).exists() else ("", Path(text))
