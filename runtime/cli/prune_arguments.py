"""The arguments of `runtime prune`; nothing heavy is imported before they make sense."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any, Dict, Tuple, Union

from runtime.builder.lottery.arms import ARMS
from runtime.builder.pruning.choices import ALLOCATIONS, IMPORTANCES, MASK_SCOPES
from runtime.builder.pruning.request import BLOCKS, INT8_ALIGNMENT, MaskRequest, PruningRequest
from runtime.errors import InvalidInput

# What makes a request, and the flags that say it.
STRUCTURED = {
    "blocks": "--blocks",
    "ratio": "--ratio",
    "ratios": "--ratio-of",
    "allocation": "--allocation",
    "budget_ms": "--budget-ms",
    "importance": "--importance",
    "alignment": "--align",
    "floor": "--floor",
    "cap": "--cap",
    "rounds": "--rounds",
    "size": "--size",
}


def add_prune_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds them to the sub-command's parser; options not given are None."""
    add = parser.add_argument
    add("checkpoint", type=Path, metavar="CHECKPOINT", help="the trained network")
    add("--out", type=Path, required=True, metavar="FILE", help="the pruned checkpoint to write")
    _add_structured(parser)
    add("--seed", type=int, default=0, metavar="N", help="of all that is random [0]")
    add("--plan", type=Path, metavar="FILE", help="prune by this plan, made before")
    add("--plan-only", action="store_true", help="write no more than the plan, to --out")
    add(
        "--unstructured",
        choices=MASK_SCOPES,
        help="zero single weights instead, ranked together or layer by layer; saves no time",
    )
    add(
        "--recalibrate",
        type=Path,
        metavar="DIR",
        help="measure batch norms again on the images of a folder",
    )
    add("--then", dest="arm", choices=ARMS, help="prepare to train on; docs/pruning.md explains")
    add(
        "--rewind",
        type=Path,
        metavar="FILE",
        help="the early weights that lth and ri-p go back to: a kept step of the training, or the "
        "checkpoint that it started from",
    )


def _add_structured(parser: argparse.ArgumentParser) -> None:
    """What a request may say of groups of channels."""
    add = parser.add_argument
    add(
        "--blocks",
        metavar="B,B",
        help=f"residual blocks to prune, of {', '.join(BLOCKS)}; the stem goes with block 1",
    )
    add("--ratio", type=float, metavar="R", help="share to remove [0.5; of weights 0.2]")
    add(
        "--ratio-of",
        dest="ratios",
        action="append",
        metavar="GROUP=R",
        help="ratio of one group, such as stage3.block0=0.7; may be repeated",
    )
    add(
        "--allocation",
        choices=ALLOCATIONS,
        help="the ratio is of each group's channels, of all chosen channels together, or of the "
        "network's multiply-adds; latency has a budget instead [local]",
    )
    add("--budget-ms", type=float, metavar="MS", help="for latency: what the target may take")
    add(
        "--latency-table",
        type=Path,
        metavar="FILE",
        help="for latency: the target's table, by `runtime profile --latency-table`",
    )
    add("--importance", choices=IMPORTANCES, help="which channels stay [l1]")
    add(
        "--context-images",
        type=Path,
        metavar="DIR",
        help="images that guide the importance context (our own formula; docs/pruning.md)",
    )
    add(
        "--align",
        dest="alignment",
        type=int,
        metavar="N",
        help=f"keep multiples of N channels, 1 for any number [{INT8_ALIGNMENT}]",
    )
    add("--floor", type=int, metavar="N", help="channels that each group keeps at least [1]")
    add("--cap", type=float, metavar="R", help="most of a group that may go, unless local [0.9]")
    add("--rounds", type=int, metavar="N", help="score again after each of N steps [1]")
    add("--size", metavar="HxW", help="image that multiply-adds are counted on [1024x2048]")


def prune(arguments: argparse.Namespace) -> None:
    """Runs the sub-command.

    Raises:
        RuntimeFault: as `run_prune`, or the arguments contradict each other.
    """
    decision = _decision(arguments)
    from runtime.builder.commands.prune import PruneOptions, run_prune

    options = PruneOptions(
        checkpoint=arguments.checkpoint,
        out=arguments.out,
        decision=decision,
        plan_only=arguments.plan_only,
        recalibrate=arguments.recalibrate,
        context=arguments.context_images,
        latency_table=arguments.latency_table,
        arm=arguments.arm,
        rewind=arguments.rewind,
        seed=arguments.seed,
    )
    sys.stdout.write(run_prune(options) + "\n")


def _decision(arguments: argparse.Namespace) -> Union[PruningRequest, MaskRequest, Path]:
    given = {
        name: getattr(arguments, name)
        for name in STRUCTURED
        if getattr(arguments, name) is not None
    }
    if arguments.plan is not None:
        _refuse(given, "--plan", "decides what is removed")
        if arguments.unstructured is not None:
            raise InvalidInput("--plan and --unstructured exclude each other", "Give one of them")
        plan: Path = arguments.plan
        return plan
    if arguments.unstructured is not None:
        ratio = {"ratio": given.pop("ratio")} if "ratio" in given else {}
        _refuse(given, "--unstructured", "knows no groups of channels")
        return MaskRequest(scope=arguments.unstructured, **ratio)
    return PruningRequest(**_structured(given), seed=arguments.seed)


def _refuse(given: Dict[str, Any], option: str, reason: str) -> None:
    if given:
        flags = ", ".join(sorted(STRUCTURED[name] for name in given))
        raise InvalidInput(f"{option} {reason}", f"Leave out {flags}")


def _structured(given: Dict[str, Any]) -> Dict[str, Any]:
    fields = dict(given)
    if "blocks" in fields:
        fields["blocks"] = tuple(block for block in fields["blocks"].split(",") if block)
    if "ratios" in fields:
        fields["ratios"] = dict(_ratio_of(text) for text in fields["ratios"])
    if "size" in fields:
        fields["size"] = _size(fields["size"])
    return fields


def _ratio_of(text: str) -> Tuple[str, float]:
    group, _, ratio = text.partition("=")
    try:
        return group, float(ratio)
    except ValueError as error:
        raise InvalidInput(
            f"--ratio-of is {text!r}", "Give a group and a number, such as stage3.block0=0.7"
        ) from error


def _size(text: str) -> Tuple[int, int]:
    height, _, width = text.partition("x")
    if not height.isdecimal() or not width.isdecimal():
        raise InvalidInput(f"--size is {text!r}", "Give rows and columns, such as 1024x2048")
    return int(height), int(width)
