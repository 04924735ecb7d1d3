"""`runtime sensitivity`: which parts of a network bear a change badly."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from pathlib import Path

HELP = "measure layer by layer what a change does to a network"


def add_arguments(parser: ArgumentParser) -> None:
    """The network, the change, and the pictures to measure on."""
    add = parser.add_argument
    add(
        "subject",
        type=Path,
        metavar="CHECKPOINT|FOLDER",
        help="a trained network, a recipe, or an engine folder with one",
    )
    add("--of", choices=("quantization",), required=True, help="the change")
    add("--calib", type=Path, metavar="DIR", help="folder of pictures to calibrate INT8 on")
    add("--data", type=Path, metavar="DIR", help="folder of the dataset to measure on")
    add("--out", type=Path, metavar="FOLDER", help="where to write; an engine folder")
    add("--pictures", type=int, default=8, metavar="N", help="at most so many to compare on [8]")


def run(arguments: Namespace) -> None:
    """Measures, and shows the worst.

    Raises:
        RuntimeFault: something needed is missing; what was measured before is kept.
    """
    from runtime.builder.engine.int8_sensitivity import (
        SensitivityRequest,
        quantization_sensitivity_command,
    )

    quantization_sensitivity_command(
        SensitivityRequest(
            subject=arguments.subject,
            calibration=arguments.calib,
            dataset=arguments.data,
            out=arguments.out,
            pictures=arguments.pictures,
        )
    )
