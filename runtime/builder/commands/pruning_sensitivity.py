"""`runtime sensitivity --of pruning`: which groups of channels a network can spare."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import List, Optional, Sequence, Tuple

from rich.table import Table

from runtime.builder.card import card_of
from runtime.builder.checkpoint import load_checkpoint
from runtime.builder.data.dataset import SegmentationDataset, require_same_classes
from runtime.builder.data.layouts import open_dataset
from runtime.builder.progress import ConsoleReporter, Reporter
from runtime.builder.pruning.dependencies import groups_of
from runtime.builder.pruning.groups import Group
from runtime.builder.pruning.latency import leaders_of
from runtime.builder.pruning.recalibration import images_in
from runtime.builder.pruning.request import PruningRequest
from runtime.builder.pruning.sensitivity import (
    SENSITIVITY_NAME,
    PruningSensitivity,
    SensitivityStudy,
    Trial,
    ascending,
    csv_text,
)
from runtime.builder.pruning.sensitivity_plot import write_sensitivity_plot
from runtime.builder.training.distributed import joined
from runtime.console import error_console, output_console
from runtime.errors import InvalidInput
from runtime.files.atomic import write_whole

TRAINING_SPLIT = "train"


@dataclass(frozen=True)
class PruningSensitivityOptions:
    """What `runtime sensitivity --of pruning` was told.

    Attributes:
        checkpoint: that `runtime train` wrote.
        dataset: its folder.
        out: folder for the measures, the table and the plot.
        split: images to judge on.
        only: shell pattern of their names; None for all.
        pictures: at most so many images, evenly spread; None for all.
        groups: names of groups; empty for those of `blocks`.
        blocks: as in a `PruningRequest`; empty for all.
        ratios: shares to remove.
        importance: which channels go first.
        recalibrate: folder of training images; None for the dataset's split `train`.
        recalibrate_on: at most so many of them, evenly spread.
        device: `auto`, `cpu` or `cuda`.
    """

    checkpoint: Path
    dataset: Path
    out: Path
    split: str = "val"
    only: Optional[str] = None
    images: Optional[int] = None
    groups: Tuple[str, ...] = ()
    blocks: Tuple[str, ...] = ()
    ratios: Tuple[float, ...] = (0.25, 0.5, 0.75)
    importance: str = "l1"
    recalibrate: Optional[Path] = None
    recalibrate_on: int = 32
    device: str = "auto"

    def __post_init__(self) -> None:
        for ratio in self.ratios:
            if not 0 < ratio < 1:
                raise InvalidInput(
                    f"the ratio is {ratio:g}", "Give shares between 0 and 1, such as 0.25,0.5"
                )
        if not self.ratios:
            raise InvalidInput("no ratio is given", "Give some, such as --ratios 0.25,0.5")
        if self.recalibrate_on < 2 or (self.images is not None and self.images < 1):
            raise InvalidInput(
                "there are too few images", "Give 2 to recalibrate on and 1 to judge on at least"
            )


def run_pruning_sensitivity(
    options: PruningSensitivityOptions, reporter: Reporter
) -> PruningSensitivity:
    """Measures every chosen group at every ratio; writes JSON, CSV and a plot into the folder.

    What the folder already holds of the same network and images is not measured again.

    Args:
        options: network, groups, images and the folder to write to.
        reporter: hears of the steps.

    Raises:
        InvalidInput: a file, group or ratio cannot be used, or the folder holds something else.
    """
    checkpoint = load_checkpoint(options.checkpoint)
    card = card_of(checkpoint)
    dataset = open_dataset(options.dataset)
    require_same_classes(card.classes.to_classes(), dataset)
    judged = _images_to_judge_on(dataset, options)
    groups = chosen_groups(groups_of(checkpoint.architecture), options)
    options.out.mkdir(parents=True, exist_ok=True)
    with joined(options.device) as place:
        trial = Trial(
            images=judged,
            recalibration=_recalibration_images(dataset, judged, options),
            spec=card.input,
            device=place.device,
            importance=options.importance,
        )
        path = options.out / SENSITIVITY_NAME
        study = SensitivityStudy(checkpoint, trial, path)
        with reporter.step("groups cut alone", study.left(groups, options.ratios)) as advance:
            found = study.run(groups, options.ratios, advance)
    write_whole(path.with_suffix(".csv"), csv_text(found).encode())
    write_sensitivity_plot(found, path.with_suffix(".png"))
    return found


def pruning_sensitivity_command(options: PruningSensitivityOptions) -> None:
    """The same, with progress on stderr and the points lost on stdout."""
    found = run_pruning_sensitivity(options, ConsoleReporter(error_console()))
    output_console().print(sensitivity_table(found))


def chosen_groups(groups: Sequence[Group], options: PruningSensitivityOptions) -> List[Group]:
    """The groups to cut; of those that share a width the first stands for all.

    Args:
        groups: all of the network's.
        options: names groups or blocks; neither means all.

    Raises:
        InvalidInput: there is no such group or block.
    """
    leaders = leaders_of(groups)
    known = [group.name for group in leaders]
    for name in options.groups:
        if name not in known:
            raise InvalidInput(
                f"the network has no group {name!r} to be cut alone",
                f"Choose among {', '.join(known)}",
            )
    if not options.groups and not options.blocks:
        return leaders
    blocks = PruningRequest(blocks=options.blocks).chosen(groups) if options.blocks else []
    names = {*options.groups, *(group.name for group in blocks)}
    return [group for group in leaders if group.name in names]


def sensitivity_table(found: PruningSensitivity) -> Table:
    """Points of mIoU lost by group and ratio."""
    ratios = sorted({ratio for points in found.points.values() for ratio in points}, key=float)
    table = Table(
        title=f"Points of mIoU lost when one group is cut, of {100 * found.whole_miou:.2f} %, "
        f"on {found.images} images"
    )
    table.add_column("group")
    table.add_column("channels", justify="right")
    for ratio in ratios:
        table.add_column(f"{float(ratio):.0%}", justify="right")
    for group, points in found.points.items():
        measured = ascending(points)
        lost = [f"{found.points_lost(group, r):.2f}" if r in measured else "" for r in ratios]
        table.add_row(group, str(found.channels[group]), *lost)
    return table


def _images_to_judge_on(
    dataset: SegmentationDataset, options: PruningSensitivityOptions
) -> SegmentationDataset:
    images = dataset.of_splits(options.split)
    if options.only is not None:
        images = images.named(options.only)
    return images if options.images is None else images.spread(options.images)


def _recalibration_images(
    dataset: SegmentationDataset, judged: SegmentationDataset, options: PruningSensitivityOptions
) -> Tuple[Path, ...]:
    """Images to measure batch norms on, none of them judged on."""
    if options.recalibrate is not None:
        paths = images_in(options.recalibrate, options.recalibrate_on)
    elif TRAINING_SPLIT in dataset.splits:
        learnt = dataset.of_splits(TRAINING_SPLIT).spread(options.recalibrate_on)
        paths = [sample.image for sample in learnt.samples]
    else:
        raise InvalidInput(
            f"dataset {dataset.name!r} has no split {TRAINING_SPLIT!r} to measure batch norms on",
            "Give a folder of training images with --recalibrate",
        )
    both = {sample.image.resolve() for sample in judged.samples} & {p.resolve() for p in paths}
    if both:
        raise InvalidInput(
            f"{min(both).name} would be judged on and measured batch norms on",
            "Choose another --split, or other images with --recalibrate",
        )
    return tuple(paths)
