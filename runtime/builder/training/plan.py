"""What to train on what: a plan as a value, and the images, network and input it stands for."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Dict, Mapping, Optional, Tuple

import torch
from pydantic import model_validator
from typing_extensions import Literal

from runtime.builder.checkpoint import Checkpoint, load_checkpoint, transfer
from runtime.builder.data.dataset import SegmentationDataset
from runtime.builder.data.layouts import open_dataset
from runtime.builder.swiftnet import Architecture, SwiftNet
from runtime.builder.training.schedule import TrainingSettings
from runtime.builder.weights.imagenet import load_imagenet_encoder, read_imagenet_weights
from runtime.files.toml import Table, read_toml, table_from_values
from runtime.repository.manifest import InputSpec

IMAGENET_MEAN = (123.675, 116.28, 103.53)
IMAGENET_STD = (58.395, 57.12, 57.375)
PATH_FIELDS = {"dataset", "imagenet", "init"}
"""Fields of a plan that name files; a checkpoint does not repeat them."""


class NetworkPlan(Table):
    """A network to be made; fields as in `Architecture`, at full width."""

    encoder: str = "resnet18"
    variant: str = "pyramid"
    levels: int = 3
    output_stride: int = 4
    features: int = 128
    mean: Tuple[float, float, float] = IMAGENET_MEAN
    std: Tuple[float, float, float] = IMAGENET_STD


class TrainingPlan(Table):
    """All that a training's result follows from.

    Attributes:
        dataset: its folder.
        splits: the splits to learn from.
        hold_out: shell pattern of names in these splits to keep out of training and to measure on.
        validate_on: splits to measure on instead.
        size: height and width of the model's input; None for the size of the first image.
        geometry: how images of other sizes are brought to it.
        network: what to train from scratch; must be left out with `init`.
        imagenet: a classifier's weights, torchvision's or timm's, that the encoder starts from.
        init: a checkpoint to start from; its classifier is kept if its classes are the dataset's.
        settings: how to train.
    """

    dataset: Path
    splits: Tuple[str, ...] = ("train",)
    hold_out: Optional[str] = None
    validate_on: Tuple[str, ...] = ()
    size: Optional[Tuple[int, int]] = None
    geometry: Literal["letterbox", "stretch"] = "letterbox"
    network: Optional[NetworkPlan] = None
    imagenet: Optional[Path] = None
    init: Optional[Path] = None
    settings: TrainingSettings = TrainingSettings()

    @model_validator(mode="after")
    def _consistent(self) -> TrainingPlan:
        if self.init is not None and (self.network is not None or self.imagenet is not None):
            raise ValueError("init brings its own network: leave out network and imagenet")
        if self.hold_out is not None and self.validate_on:
            raise ValueError("give hold_out or validate_on, not both")
        if set(self.splits) & set(self.validate_on):
            raise ValueError("a split to learn from cannot be one to validate on")
        return self


@dataclass(frozen=True)
class Start:
    """Where a training starts from.

    Attributes:
        model: with its initial weights.
        sha256: of the file they came from; None from scratch.
    """

    model: SwiftNet
    sha256: Optional[str]


def plan_from_file(file: Optional[Path], flags: Mapping[str, Any]) -> TrainingPlan:
    """A plan from a TOML file and what the command line says over it.

    Args:
        file: the plan, with paths that start from the file's folder; None for flags alone.
        flags: values by dotted name, such as `settings.epochs`.

    Raises:
        InvalidConfig: the file cannot be read, or the plan contradicts itself.
    """
    values = {} if file is None else _read(file)
    for name, value in flags.items():
        *tables, last = name.split(".")
        table = values
        for inner in tables:
            table = table.setdefault(inner, {})
        table[last] = value
    source = "the training plan" if file is None else str(file)
    return table_from_values(TrainingPlan, values, "plan", source, "docs/training.md")


def _read(file: Path) -> Dict[str, Any]:
    values = read_toml(file, "plan", "Give the path of a TOML file").values
    for name in PATH_FIELDS & values.keys():
        values[name] = str(file.parent / str(values[name]))
    return values


def samples(plan: TrainingPlan) -> Tuple[SegmentationDataset, Optional[SegmentationDataset]]:
    """What to learn from, and what to measure on, if anything.

    Raises:
        InvalidInput: the dataset is broken, or a split or pattern selects nothing.
    """
    dataset = open_dataset(plan.dataset)
    learnt = dataset.of_splits(*plan.splits)
    if plan.hold_out is not None:
        return learnt.hold_out(plan.hold_out)
    return learnt, dataset.of_splits(*plan.validate_on) if plan.validate_on else None


def start(plan: TrainingPlan, learnt: SegmentationDataset) -> Start:
    """The initial model, for the classes of the dataset; what is new in it follows from the seed.

    Args:
        plan: what the initial weights are.
        learnt: the images to learn from, for their classes.

    Raises:
        InvalidInput: the weights to start from cannot be read or do not fit.
        InvalidConfig: there is no such network.
    """
    # Forked, so that making a model leaves the process's generator as it was.
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(plan.settings.seed)
        if plan.init is not None:
            checkpoint = load_checkpoint(plan.init)
            return Start(_continued(checkpoint, learnt), checkpoint.sha256)
        network = plan.network or NetworkPlan()
        model = SwiftNet(Architecture(classes=len(learnt.classes), **network.model_dump()))
        if plan.imagenet is None:
            return Start(model, None)
        weights = read_imagenet_weights(plan.imagenet)
        load_imagenet_encoder(model, weights.tensors, weights.source)
        return Start(model, weights.sha256)


def input_spec(
    plan: TrainingPlan, learnt: SegmentationDataset, architecture: Architecture
) -> InputSpec:
    """The input of the model to be trained.

    Args:
        plan: which may fix the size, and says how images are brought to it.
        learnt: the images to learn from; the first one's size is taken where the plan fixes none.
        architecture: whose normalisation of colours holds.
    """
    size = plan.size or learnt.load(0)[1].shape
    return InputSpec(
        height=size[0],
        width=size[1],
        mean=architecture.mean,
        std=architecture.std,
        geometry=plan.geometry,
    )


def _continued(checkpoint: Checkpoint, learnt: SegmentationDataset) -> SwiftNet:
    """The checkpoint's network, with its own classifier where that knows these very classes."""
    known = checkpoint.metadata.get("classes", {}).get("names")
    if known == list(learnt.classes.names):
        return checkpoint.model
    return transfer(checkpoint, len(learnt.classes))
