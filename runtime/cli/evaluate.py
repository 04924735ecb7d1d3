"""`runtime evaluate`: mIoU of a checkpoint or an engine on labelled images."""

from __future__ import annotations

import sys
from argparse import ArgumentParser, Namespace
from pathlib import Path

HELP = "measure a checkpoint or an engine on a dataset"


def add_arguments(parser: ArgumentParser) -> None:
    """What to measure on which images."""
    add = parser.add_argument
    add("subject", type=Path, metavar="MODEL", help="a checkpoint, or an engine folder")
    add("dataset", type=Path, metavar="DATASET", help="folder of the dataset")
    add(
        "--split",
        dest="splits",
        action="append",
        metavar="NAME",
        help="split of the dataset to use [val]; may be repeated",
    )
    add("--only", metavar="PATTERN", help="use the images whose names match, such as '0001TP_*'")
    add("--precision", choices=("fp32", "fp16", "int8"), help="which build of an engine")
    add("--device", default="auto", help="where a checkpoint runs: auto, cpu, cuda [auto]")
    add("--out", type=Path, metavar="FOLDER", help="write report.json and confusion.png there")


def run(arguments: Namespace) -> None:
    """Measures, and shows the IoU of every class.

    Raises:
        RuntimeFault: the model or the dataset cannot be used.
    """
    from runtime.builder.commands.evaluate import EvaluateOptions, run_evaluate

    options = EvaluateOptions(
        subject=arguments.subject,
        dataset=arguments.dataset,
        splits=tuple(arguments.splits or ("val",)),
        only=arguments.only,
        precision=arguments.precision,
        device=arguments.device,
    )
    report = run_evaluate(options, arguments.out)
    width = max(map(len, report.iou))
    for name, iou in report.iou.items():
        shown = "     -" if iou is None else f"{100 * iou:6.2f}"
        sys.stdout.write(f"{name:<{width}} {shown}\n")
    sys.stdout.write(
        f"mIoU {100 * report.miou:.2f} %, pixel accuracy {100 * report.pixel_accuracy:.2f} %, "
        f"{report.images} images of {report.dataset} ({', '.join(report.splits)})\n"
    )
