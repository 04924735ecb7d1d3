"""The steps that prune and train: whole networks, plans, tickets, and what tickets grow into."""

from __future__ import annotations

from pathlib import Path
from typing import Optional

from runtime.builder.card import card_of
from runtime.builder.checkpoint import load_checkpoint, save_checkpoint
from runtime.builder.commands.prune import PruneOptions, run_prune
from runtime.builder.commands.train import CHECKPOINT_NAME, TrainOptions, run_train
from runtime.builder.data.layouts import open_dataset
from runtime.builder.lottery.ticket_files import plan_path, ticket_beside, ticket_path
from runtime.builder.lottery.tickets import settings_for
from runtime.builder.pruning.recalibration import recalibrate
from runtime.builder.pruning.request import PruningRequest
from runtime.builder.training.batches import steps_per_epoch
from runtime.builder.training.plan import PATH_FIELDS, TrainingPlan, samples
from runtime.builder.training.state import STATE_NAME
from runtime.errors import InvalidInput
from runtime.experiments.study.cpu_time import SpentTime
from runtime.experiments.study.recipe import CalibrationChoice
from runtime.experiments.study.step import Job, Made

PLAN_NAME = "plan.json"
START = Path("start.pt")
START_NAME = START.name
START_PLAN_NAME = str(plan_path(START))
START_TICKET_NAME = str(ticket_path(START))


def train(job: Job, folder: Path) -> Made:
    """Trains to the end in the step's folder, or takes what is trained there already.

    Raises:
        RuntimeFault: as `run_train`; or the folder holds a network of another plan.
    """
    plan = _plan(job)
    kept: Optional[int] = job.parameters["keep_step"]
    outputs = (CHECKPOINT_NAME,) if kept is None else (CHECKPOINT_NAME, f"step-{kept}.pt")
    spent = SpentTime(folder)
    if all((folder / name).is_file() for name in outputs):
        _require_trained_by(plan, folder / CHECKPOINT_NAME)
    else:
        with spent:
            options = TrainOptions(
                save_every=job.how["save_every"],
                measure_every=plan.settings.epochs,
                keep_step=kept,
            )
            run_train(plan, folder, options)
    (folder / STATE_NAME).unlink(missing_ok=True)
    return outputs, {"steps": _steps(plan), "seconds": spent.seconds()}


def plan(job: Job, folder: Path) -> Made:
    """Decides which channels stay."""
    decision = PruningRequest.model_validate(job.parameters["request"])
    run_prune(PruneOptions(job.inputs["checkpoint"], folder / PLAN_NAME, decision, plan_only=True))
    return (PLAN_NAME,), {}


def cut(job: Job, folder: Path) -> Made:
    """Prunes by a plan, and prepares the arm's training."""
    arm = job.parameters["arm"]
    out = folder / START_NAME
    run_prune(
        PruneOptions(
            checkpoint=job.inputs["checkpoint"],
            out=out,
            decision=job.inputs["plan"],
            arm=None if arm == "none" else arm,
            rewind=job.inputs.get("early"),
            seed=job.parameters["seed"],
        )
    )
    if arm != "none":
        return (START_NAME, START_PLAN_NAME, START_TICKET_NAME), {}
    _measure_norms(job, out)
    return (START_NAME, START_PLAN_NAME), {}


def _measure_norms(job: Job, path: Path) -> None:
    checkpoint = load_checkpoint(path)
    chosen = CalibrationChoice.model_validate(job.how["calibration"])
    learnt = chosen.of(open_dataset(Path(job.how["dataset"])))
    images = [sample.image for sample in learnt.samples]
    recalibrate(checkpoint.model, images, card_of(checkpoint).input)
    save_checkpoint(path, checkpoint.model, checkpoint.metadata)


def _plan(job: Job) -> TrainingPlan:
    paths = {name: job.inputs[name] for name in PATH_FIELDS & job.inputs.keys()}
    values = {**job.parameters["plan"], **paths, "dataset": job.how["dataset"]}
    return TrainingPlan.model_validate(values)


def _require_trained_by(plan: TrainingPlan, path: Path) -> None:
    """Takes a finished training only if it followed this very plan on as many images."""
    card = card_of(load_checkpoint(path))
    learnt, _ = samples(plan)
    ticket = None if plan.init is None else ticket_beside(plan.init)
    settings = plan.settings if ticket is None else settings_for(ticket.record.arm, plan.settings)
    followed = plan.model_copy(update={"settings": settings})
    paths = {name: getattr(plan, name) for name in PATH_FIELDS}
    # A card of before a setting existed does not name it, and means its default.
    told = TrainingPlan.model_validate({**card.plan, **paths})
    if (told, card.dataset, card.pictures) != (followed, learnt.name, len(learnt)):
        raise InvalidInput(
            f"{path} was trained by another plan or on other images than this step's",
            "Remove it, and the step is done anew",
        )


def _steps(plan: TrainingPlan) -> int:
    """Optimiser steps of the training, without those before a ticket's."""
    learnt, _ = samples(plan)
    whole = plan.settings.epochs * steps_per_epoch(len(learnt), plan.settings.batch)
    ticket = None if plan.init is None else ticket_beside(plan.init)
    return whole if ticket is None else whole - ticket.record.step
