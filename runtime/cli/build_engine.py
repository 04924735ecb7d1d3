"""`runtime build-engine`: from a checkpoint to an engine folder, and from a folder to its plans."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from pathlib import Path
from typing import Any, Dict

from runtime.builder.quantization.rules import AUTO, DEFAULT_RULE, RULES_OR_AUTO
from runtime.errors import InvalidConfig

HELP = "build an engine from a checkpoint or a recipe, or TensorRT plans for a built one"

# Flags that say how plans are built, by the field of `PlanChoice` that each sets.
PLAN_FLAGS = {
    "sm": "compute_capabilities",
    "workspace": "workspace_mib",
    "batch": "batch",
    "level": "optimization_level",
    "typing": "typing",
    "dla": "dla_core",
    "require_int8": "require_int8",
}
_ASK = "Add --tensorrt"
# What a folder that is already built has no use for.
CHAIN_FLAGS = ("checkpoint", "recipe", "calib", "rule", "keep_worst", "data", "out", "max_drop")


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
    add("--calib", type=Path, metavar="DIR", help="folder of images to calibrate INT8 on")
    add(
        "--grey-images",
        action="store_true",
        help="calibrate on images of few greys too, which look like label maps",
    )
    add(
        "--rule",
        choices=RULES_OR_AUTO,
        help=f"how INT8 ranges are read off the calibration; {AUTO} measures every rule "
        f"[{DEFAULT_RULE}]",
    )
    add(
        "--keep-float",
        dest="keep_worst",
        type=int,
        metavar="N",
        help="leave the N layers in float that INT8 hurts most",
    )
    add("--data", type=Path, metavar="DIR", help="folder of the dataset to measure accuracy on")
    add("--out", type=Path, metavar="FOLDER", help="the engine folder [engines/NAME]")
    add(
        "--max-drop",
        type=float,
        metavar="POINTS",
        help="points of mIoU that a build may lose against FP32, this once",
    )
    add(
        "--labels-inside",
        action="store_true",
        help="also write ONNX files that give labels, for other runtimes",
    )
    add(
        "--calibration-cache",
        action="store_true",
        help="also write the INT8 ranges as TensorRT's calibration cache, which a DLA needs",
    )
    _add_plan_arguments(parser)


def _add_plan_arguments(parser: ArgumentParser) -> None:
    add = parser.add_argument_group("TensorRT plans").add_argument
    add("--tensorrt", action="store_true", help="build plans too, with the TensorRT installed here")
    add(
        "--folder",
        type=Path,
        metavar="FOLDER",
        help="a built engine folder to add plans to; neither torch nor onnx is needed",
    )
    add(
        "--sm",
        nargs="+",
        metavar="CAPABILITY",
        help="compute capabilities such as 8.6 8.9, a plan each, with TensorRT-RTX [this GPU's]",
    )
    add("--workspace", type=int, metavar="MIB", help="scratch memory of a kernel [1024]")
    add(
        "--batch",
        nargs=3,
        type=int,
        metavar=("MIN", "USUAL", "MAX"),
        help="images at once [the one image of the file]",
    )
    add("--level", type=int, metavar="N", help="optimization level, 0 to 5 [TensorRT's own]")
    add(
        "--typing",
        choices=("weak", "strong"),
        help="types by flags, or those of the file [strong where it exists]",
    )
    add("--dla", type=int, metavar="CORE", help="run on this DLA, the GPU doing what it cannot")
    add(
        "--require-int8",
        action="store_true",
        default=None,
        help="fail if a quantized convolution computes in float",
    )


def run(arguments: Namespace) -> None:
    """Builds, and shows the evidence.

    Raises:
        RuntimeFault: something needed is missing, or a step failed; what was done is kept.
    """
    flags = _plan_flags(arguments)
    if arguments.folder is not None:
        _require_plans_alone(arguments)
        from runtime.builder.commands.build_engine import build_plans_command

        build_plans_command(arguments.folder, tuple(arguments.precisions or ()), flags)
        return
    from runtime.builder.commands.build_engine import build_engine_command
    from runtime.builder.engine.options import BuildEngineOptions

    build_engine_command(
        BuildEngineOptions(
            checkpoint=arguments.checkpoint,
            recipe=arguments.recipe,
            precisions=tuple(arguments.precisions or ()),
            calibration=arguments.calib,
            dataset=arguments.data,
            out=arguments.out,
            max_drop=arguments.max_drop,
            plans=flags if arguments.tensorrt else None,
            labels_inside=arguments.labels_inside,
            calibration_cache=arguments.calibration_cache,
            rule=arguments.rule,
            grey_images=arguments.grey_images,
            keep_worst=arguments.keep_worst,
        )
    )


def _plan_flags(arguments: Namespace) -> Dict[str, Any]:
    """What was said about plans.

    Raises:
        InvalidConfig: something was, but no plans are asked for.
    """
    given = {flag: getattr(arguments, flag) for flag in PLAN_FLAGS}
    said = {flag: value for flag, value in given.items() if value is not None}
    if said and not arguments.tensorrt:
        names = ", ".join(f"--{flag.replace('_', '-')}" for flag in said)
        raise InvalidConfig(f"{names} is about TensorRT plans, and none are asked for", _ASK)
    return {PLAN_FLAGS[flag]: value for flag, value in said.items()}


def _require_plans_alone(arguments: Namespace) -> None:
    """Raises InvalidConfig where a folder is given together with what it was built from."""
    if not arguments.tensorrt:
        raise InvalidConfig("--folder is for building plans, and none are asked for", _ASK)
    surplus = [flag for flag in CHAIN_FLAGS if getattr(arguments, flag) is not None]
    surplus += [
        f for f in ("labels_inside", "calibration_cache", "grey_images") if getattr(arguments, f)
    ]
    if surplus:
        raise InvalidConfig(
            f"--folder takes what is built already, and {surplus[0]} would build it anew",
            "Give a recipe or a checkpoint with --tensorrt to do both",
        )
