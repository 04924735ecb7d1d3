"""`runtime train`: from a plan to a checkpoint with its measures, on one device or several."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Iterator, Tuple

import torch
from torch import distributed

from runtime.builder.card import TrainingCard
from runtime.builder.checkpoint import save_checkpoint
from runtime.builder.dataset import SegmentationDataset
from runtime.builder.evaluate import EvaluationReport, ModelPredictor, evaluate
from runtime.builder.plots import write_confusion
from runtime.builder.progress import Measure, Narrator
from runtime.builder.swiftnet import SwiftNet
from runtime.builder.training import RunOptions, Step, Training
from runtime.builder.training_plan import TrainingPlan, input_spec, pictures, start
from runtime.errors import InvalidConfig
from runtime.manifest import ClassesSpec, InputSpec

CHECKPOINT_NAME = "checkpoint.pt"
REPORT_NAME = "report.json"
CONFUSION_NAME = "confusion.png"
DEVICES = ("auto", "cpu", "cuda")
PATHS = {"dataset", "imagenet", "init"}


@dataclass(frozen=True)
class TrainingOptions:
    """How `run_train` runs, without any effect on its result.

    Attributes:
        device: `cpu`, `cuda`, or `auto` for CUDA where there is one.
        workers: processes that prepare batches.
        save_every: seconds between saved states.
        measure_every: epochs between measurements on the held-out pictures.
        tensorboard: write TensorBoard events.
    """

    device: str = "auto"
    workers: int = 0
    save_every: float = 120.0
    measure_every: int = 5
    tensorboard: bool = False


def run_train(plan: TrainingPlan, folder: Path, options: TrainingOptions) -> Path:
    """Trains to the end, going on from what a killed run of the same plan left in `folder`.

    Under torchrun each process takes its share of every batch, and the first one writes.

    Args:
        plan: what to do.
        folder: gets the checkpoint, the state, the log and the measures.
        options: how to do it.

    Returns:
        The path of the checkpoint.

    Raises:
        InvalidInput: the dataset, the initial weights or the state in `folder` do not fit.
        InvalidConfig: the network or the device does not exist.
        BuildFailed: TensorBoard was asked for and is not installed.
    """
    with _together(options.device) as (device, leads):
        learnt, held = pictures(plan)
        begun = start(plan, learnt)
        spec = input_spec(plan, learnt, begun.model.architecture)
        run = RunOptions(device, options.workers, options.save_every)
        training = Training(plan.settings, begun.model, learnt, spec, run)
        if not leads:
            training.run(folder, _keep_quiet)
            return folder / CHECKPOINT_NAME
        folder.mkdir(parents=True, exist_ok=True)
        measure = None if held is None else _measure(held, spec, device)
        with Narrator(folder, measure, options.measure_every, options.tensorboard) as narrator:
            trained = training.run(folder, narrator)
            report = narrator.measured(training.steps, trained)
        card = TrainingCard(
            dataset=learnt.name,
            pictures=len(learnt),
            classes=_classes_spec(learnt),
            input=spec,
            plan=plan.model_dump(mode="json", exclude=PATHS),
            initial_sha256=begun.sha256,
            held_out=report,
        )
        save_checkpoint(folder / CHECKPOINT_NAME, trained, card.model_dump(mode="json"))
        if report is not None:
            write_report(report, folder)
    return folder / CHECKPOINT_NAME


def write_report(report: EvaluationReport, folder: Path) -> None:
    """Writes a report as JSON and its confusion matrix as a picture into an existing folder."""
    (folder / REPORT_NAME).write_text(report.model_dump_json(indent=2) + "\n", encoding="utf-8")
    write_confusion(report, folder / CONFUSION_NAME)


def _keep_quiet(_: Step) -> None:
    """Listens for a process that does not lead."""


def _measure(held: SegmentationDataset, spec: InputSpec, device: torch.device) -> Measure:
    def measure(model: SwiftNet) -> EvaluationReport:
        return evaluate(ModelPredictor(model, spec, device), held)

    return measure


def _classes_spec(dataset: SegmentationDataset) -> ClassesSpec:
    classes = dataset.classes
    return ClassesSpec(
        names=list(classes.names), palette=list(classes.palette), ignore_id=classes.ignore_id
    )


@contextmanager
def _together(wanted: str) -> Iterator[Tuple[torch.device, bool]]:
    """This process's device, and whether it leads; under torchrun, joined with the others."""
    kind = _device_kind(wanted)
    if not distributed.is_torchelastic_launched():
        yield torch.device(kind), True
        return
    distributed.init_process_group("nccl" if kind == "cuda" else "gloo")
    try:
        rank = distributed.get_rank()
        if kind == "cpu":
            yield torch.device("cpu"), rank == 0
        else:
            yield torch.device("cuda", rank % torch.cuda.device_count()), rank == 0
    finally:
        distributed.destroy_process_group()


def _device_kind(wanted: str) -> str:
    if wanted not in DEVICES:
        raise InvalidConfig(f"there is no device {wanted!r}", f"Use one of {', '.join(DEVICES)}")
    if wanted == "cuda" and not torch.cuda.is_available():
        raise InvalidConfig(
            "device cuda was asked for but PyTorch finds no CUDA device here",
            "Use --device cpu, or install a PyTorch with CUDA on a machine that has a GPU",
        )
    if wanted == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    return wanted
