"""`runtime sensitivity`: which parts of a network bear a change badly."""

from __future__ import annotations

from argparse import ArgumentParser, ArgumentTypeError, Namespace
from pathlib import Path
from typing import Any, Dict, Tuple

from runtime.builder.pruning.choices import UNGUIDED_IMPORTANCES
from runtime.errors import InvalidInput

HELP = "measure part by part what a change does to a network"
PRUNING, QUANTIZATION = "pruning", "quantization"
# What each change alone understands, by the name of the argument.
ONLY_FOR: Dict[str, Tuple[str, ...]] = {
    PRUNING: (
        "split",
        "only",
        "groups",
        "blocks",
        "ratios",
        "importance",
        "recalibrate",
        "recalibrate_on",
    ),
    QUANTIZATION: ("calib",),
}


def add_arguments(parser: ArgumentParser) -> None:
    """The network, the change, and the images to measure on."""
    add = parser.add_argument
    add(
        "subject",
        type=Path,
        metavar="CHECKPOINT|FOLDER",
        help="a trained network; for quantization also a recipe, or an engine folder with one",
    )
    add("--of", choices=tuple(ONLY_FOR), default=PRUNING, help=f"the change [{PRUNING}]")
    add("--data", type=Path, metavar="DIR", help="folder of the dataset to measure on")
    add("--out", type=Path, metavar="FOLDER", help="where to write; what was begun there goes on")
    add(
        "--pictures",
        dest="images",
        type=int,
        metavar="N",
        help="at most so many to measure on [all of them; for quantization 8]",
    )
    only = parser.add_argument_group("of pruning").add_argument
    only("--split", metavar="NAME", help="images to judge on [val]")
    only("--only", metavar="PATTERN", help="those whose names match, such as '0001TP_*'")
    only("--groups", type=_names, metavar="G,G", help="groups to cut, each alone [all]")
    only("--blocks", type=_names, metavar="B,B", help="all groups of these blocks, as for prune")
    only("--ratios", type=_shares, metavar="R,R", help="shares to remove [0.25,0.5,0.75]")
    only("--importance", choices=UNGUIDED_IMPORTANCES, help="which channels go [l1]")
    only(
        "--recalibrate",
        type=Path,
        metavar="DIR",
        help="folder of images to measure batch norms on [split train]",
    )
    only("--recalibrate-on", type=int, metavar="N", help="at most so many of them [32]")
    only = parser.add_argument_group("of quantization").add_argument
    only("--calib", type=Path, metavar="DIR", help="folder of images to calibrate INT8 on")


def run(arguments: Namespace) -> None:
    """Measures, and shows what came of it.

    Raises:
        RuntimeFault: something needed is missing; what was measured before is kept.
    """
    for change, names in ONLY_FOR.items():
        for name in names if change != arguments.of else ():
            if getattr(arguments, name) is not None:
                raise InvalidInput(
                    f"--{name.replace('_', '-')} is of no use to {arguments.of}",
                    f"Leave it out, or choose --of {change}",
                )
    {PRUNING: _of_pruning, QUANTIZATION: _of_quantization}[arguments.of](arguments)


def _of_pruning(arguments: Namespace) -> None:
    from runtime.builder.commands.pruning_sensitivity import (
        PruningSensitivityOptions,
        pruning_sensitivity_command,
    )

    if arguments.data is None or arguments.out is None:
        raise InvalidInput(
            "the sensitivity of pruning needs a dataset and a folder to write to",
            "Give --data DIR and --out FOLDER",
        )
    given = _given(arguments, (*ONLY_FOR[PRUNING], "images"))
    pruning_sensitivity_command(
        PruningSensitivityOptions(arguments.subject, arguments.data, arguments.out, **given)
    )


def _of_quantization(arguments: Namespace) -> None:
    from runtime.builder.commands.int8_sensitivity import (
        Int8SensitivityOptions,
        quantization_sensitivity_command,
    )

    quantization_sensitivity_command(
        Int8SensitivityOptions(
            subject=arguments.subject,
            calibration=arguments.calib,
            dataset=arguments.data,
            out=arguments.out,
            **_given(arguments, ("images",)),
        )
    )


def _given(arguments: Namespace, names: Tuple[str, ...]) -> Dict[str, Any]:
    """Those that were given; what is left out has its default where it is used."""
    values = {name: getattr(arguments, name) for name in names}
    return {name: value for name, value in values.items() if value is not None}


def _names(text: str) -> Tuple[str, ...]:
    return tuple(name for name in text.split(",") if name)


def _shares(text: str) -> Tuple[float, ...]:
    try:
        return tuple(float(share) for share in text.split(",") if share)
    except ValueError as error:
        raise ArgumentTypeError(f"{text!r}: give shares such as 0.25,0.5,0.75") from error
