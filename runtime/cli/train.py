"""`runtime train`: a network from labelled images, resumable at any moment."""

from __future__ import annotations

import sys
from argparse import ArgumentParser, Namespace
from pathlib import Path
from typing import Any, Dict, Tuple

from runtime.cli.image_size import image_size

HELP = "train a network on a dataset"

# Where in a plan each flag's value goes, and what it means. The plan checks the values;
# docs/training.md lists everything that a plan can say.
PLAN_FLAGS: Dict[str, Tuple[str, str]] = {
    "hold-out": ("hold_out", "pattern of names to keep out and to measure on, such as '0001TP_*'"),
    "geometry": ("geometry", "letterbox or stretch: how images are brought to the input"),
    "imagenet": ("imagenet", "an ImageNet ResNet or MobileNetV2 for the encoder to start from"),
    "init": ("init", "a checkpoint to start from, whatever its classes"),
    "encoder": ("network.encoder", "resnet18, resnet34 or mobilenet_v2"),
    "variant": ("network.variant", "pyramid or single"),
    "levels": ("network.levels", "of the pyramid, 1 to 3"),
    "output-stride": ("network.output_stride", "4 or 8"),
    "epochs": ("settings.epochs", "passes over the images"),
    "batch": ("settings.batch", "images per step, over all devices together"),
    "learning-rate": ("settings.learning_rate", "its peak, for the decoder"),
    "encoder-rate": ("settings.encoder_rate", "the encoder's rate as a share of it"),
    "warmup-steps": ("settings.warmup_steps", "steps of growth to the peak"),
    "weight-decay": ("settings.weight_decay", "of convolution weights"),
    "loss": ("settings.loss", "boundary-focal or cross-entropy"),
    "rarity": ("settings.rarity", "0 to 1: how much rare classes count for more"),
    "ema": ("settings.ema", "decay of averaged weights per step, 0 for none"),
    "precision": ("settings.precision", "fp32, bf16 or fp16 arithmetic"),
    "seed": ("settings.seed", "of everything that is random"),
}
METAVARS = {"hold-out": "PATTERN", "imagenet": "FILE", "init": "CHECKPOINT"}
OTHER_PLACES = {
    "dataset": "dataset",
    "splits": "splits",
    "validate_on": "validate_on",
    "size": "size",
    "crop": "settings.augmentation.crop",
}


def add_arguments(parser: ArgumentParser) -> None:
    """What to learn from, what to train, and how."""
    add = parser.add_argument
    add("dataset", nargs="?", type=Path, metavar="DATASET", help="folder of the dataset")
    add(
        "--out",
        type=Path,
        required=True,
        metavar="FOLDER",
        help="where to write; what was begun there goes on",
    )
    add(
        "--plan",
        type=Path,
        metavar="FILE",
        help="a whole plan in TOML; flags win. docs/training.md lists the defaults",
    )
    add(
        "--split",
        dest="splits",
        action="append",
        metavar="NAME",
        help="split to learn from [train]; may be repeated",
    )
    add("--validate-on", action="append", metavar="NAME", help="split to measure on")
    add("--size", type=image_size, metavar="HxW", help="the model's input [the first image's]")
    add("--crop", type=image_size, metavar="HxW", help="size of the views that are learnt from")
    for flag, (_, text) in PLAN_FLAGS.items():
        add(f"--{flag}", metavar=METAVARS.get(flag, flag.rpartition("-")[2].upper()), help=text)
    how = parser.add_argument_group("how to run it, without any effect on the result").add_argument
    how("--device", default="auto", help="auto, cpu or cuda [auto]")
    how("--workers", type=int, default=0, metavar="N", help="processes that load images [0]")
    how("--save-every", type=float, default=120.0, metavar="S", help="seconds between saves [120]")
    how("--measure-every", type=int, default=5, metavar="N", help="epochs between measures [5]")
    how(
        "--keep-step",
        type=int,
        metavar="K",
        help="keep the weights of step K too, for prune --rewind",
    )
    how("--tensorboard", action="store_true", help="write TensorBoard events")


def run(arguments: Namespace) -> None:
    """Trains to the end; under torchrun, together with the other processes.

    Raises:
        RuntimeFault: the plan, the dataset or the initial weights cannot be used.
    """
    from runtime.builder.commands.train import TrainOptions, run_train
    from runtime.builder.training.plan import plan_from_file

    options = TrainOptions(
        device=arguments.device,
        workers=arguments.workers,
        save_every=arguments.save_every,
        measure_every=arguments.measure_every,
        tensorboard=arguments.tensorboard,
        keep_step=arguments.keep_step,
    )
    plan = plan_from_file(arguments.plan, _given(arguments))
    checkpoint = run_train(plan, arguments.out, options)
    sys.stdout.write(f"{checkpoint}\n")


def _given(arguments: Namespace) -> Dict[str, Any]:
    """The values that were given, by their places in a plan."""
    places = {flag.replace("-", "_"): place for flag, (place, _) in PLAN_FLAGS.items()}
    values = {place: getattr(arguments, name) for name, place in {**places, **OTHER_PLACES}.items()}
    return {place: value for place, value in values.items() if value is not None}
