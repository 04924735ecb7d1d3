"""`runtime build-engine`: from a checkpoint to an engine folder."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from pathlib import Path

HELP = "build an engine from a checkpoint or a recipe"


def add_arguments(parser: ArgumentParser) -> None:
    """What to build, from what, into which folder; a recipe may say it all."""
    add = parser.add_argument
    add("checkpoint", nargs="?", type=Path, metavar="CHECKPOINT", help="the trained network")
    add("--recipe", type=Path, metavar="FILE", help="a recipe; flags win over what it says")
    for precision, text in (
        ("int8", "8-bit integers, calibrated"),
        ("fp16", "16-bit floats"),
        ("fp32", "32-bit floats"),
    ):
        add(
            f"--{precision}",
            dest="precisions",
            action="append_const",
            const=precision,
            help=f"build with {text}; may be combined with the others",
        )
    add("--calib", type=Path, metavar="DIR", help="folder of pictures to calibrate INT8 on")
    add("--data", type=Path, metavar="DIR", help="folder of the dataset to measure accuracy on")
    add("--out", type=Path, metavar="FOLDER", help="the engine folder [engines/NAME]")
    add(
        "--max-drop",
        type=float,
        metavar="POINTS",
        help="points of mIoU that a build may lose against FP32, this once",
    )


def run(arguments: Namespace) -> None:
    """Builds, and shows the evidence.

    Raises:
        RuntimeFault: something needed is missing, or a step failed; what was done is kept.
    """
    from runtime.builder.engine.command import build_engine_command
    from runtime.builder.engine.order import BuildRequest

    build_engine_command(
        BuildRequest(
            checkpoint=arguments.checkpoint,
            recipe=arguments.recipe,
            precisions=tuple(arguments.precisions or ()),
            calibration=arguments.calib,
            dataset=arguments.data,
            out=arguments.out,
            max_drop=arguments.max_drop,
        )
    )
