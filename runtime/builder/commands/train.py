"""`runtime train`: from a plan to a checkpoint with its measures, on one device or several."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import List, Optional, Sequence

import torch

from runtime.builder.card import TrainingCard
from runtime.builder.checkpoint import save_checkpoint
from runtime.builder.commands.check_dataset import check_before_work
from runtime.builder.data.dataset import SegmentationDataset
from runtime.builder.evaluation.confusion import EvaluationReport
from runtime.builder.evaluation.evaluate import ModelPredictor, evaluate
from runtime.builder.evaluation.plots import write_report
from runtime.builder.lottery.rewind import kept_step
from runtime.builder.lottery.ticket_files import ticket_beside
from runtime.builder.lottery.tickets import begin, settings_for
from runtime.builder.swiftnet import SwiftNet
from runtime.builder.training.distributed import joined
from runtime.builder.training.loop import Listener, RunOptions, Step, Training
from runtime.builder.training.plan import PATH_FIELDS, TrainingPlan, input_spec, samples, start
from runtime.builder.training.progress import Measure, TrainingProgress
from runtime.repository.manifest import ClassesSpec, InputSpec

CHECKPOINT_NAME = "checkpoint.pt"


@dataclass(frozen=True)
class TrainOptions:
    """How `run_train` runs, without any effect on its result.

    Attributes:
        device: `cpu`, `cuda`, or `auto` for CUDA where there is one.
        workers: processes that prepare batches.
        save_every: seconds between saved states.
        measure_every: epochs between measurements on the held-out images.
        tensorboard: write TensorBoard events.
        keep_step: a step to write down whole, so that a pruned network can go back to it.
    """

    device: str = "auto"
    workers: int = 0
    save_every: float = 120.0
    measure_every: int = 5
    tensorboard: bool = False
    keep_step: Optional[int] = None


def run_train(plan: TrainingPlan, folder: Path, options: TrainOptions) -> Path:
    """Trains to the end, going on from what a killed run of the same plan left in `folder`.

    Under torchrun each process takes its share of every batch, and the first one writes. Where the
    plan's `init` is a ticket, the training begins where the ticket says.

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
    with joined(options.device) as place:
        learnt, held = samples(plan)
        begun = start(plan, learnt)
        if place.leads:
            check_before_work({"train": learnt, **({} if held is None else {"held out": held})})
        spec = input_spec(plan, learnt, begun.model.architecture)
        run = RunOptions(options.workers, options.save_every)
        ticket = None if plan.init is None else ticket_beside(plan.init)
        if ticket is not None:
            settings = settings_for(ticket.record.arm, plan.settings)
            plan = plan.model_copy(update={"settings": settings})
        training = Training(plan.settings, begun.model, learnt, spec, run, place)
        if ticket is not None:
            begin(training, ticket, folder)
        if not place.leads:
            training.run(folder, _keep_quiet)
            return folder / CHECKPOINT_NAME
        folder.mkdir(parents=True, exist_ok=True)
        measure = None if held is None else _measure(held, spec, place.device)
        with TrainingProgress(
            folder, measure, options.measure_every, options.tensorboard
        ) as narrator:
            listeners: List[Listener] = [narrator]
            if options.keep_step is not None:
                listeners.append(kept_step(training, options.keep_step, folder))
            trained = training.run(folder, _all_of(listeners))
            report = narrator.measure(training.steps, trained)
        card = TrainingCard(
            dataset=learnt.name,
            pictures=len(learnt),
            classes=ClassesSpec.of(learnt.classes),
            input=spec,
            plan=plan.model_dump(mode="json", exclude=PATH_FIELDS),
            initial_sha256=begun.sha256,
            held_out=report,
            pruning=None if ticket is None else ticket.record.model_dump(),
        )
        save_checkpoint(folder / CHECKPOINT_NAME, trained, card.model_dump(mode="json"))
        if report is not None:
            write_report(report, folder)
    return folder / CHECKPOINT_NAME


def _keep_quiet(_: Step) -> None:
    """Listens for a process that does not lead."""


def _all_of(listeners: Sequence[Listener]) -> Listener:
    def hear(step: Step) -> None:
        for listener in listeners:
            listener(step)

    return hear


def _measure(held: SegmentationDataset, spec: InputSpec, device: torch.device) -> Measure:
    def measure(model: SwiftNet) -> EvaluationReport:
        return evaluate(ModelPredictor(model, spec, device), held)

    return measure
