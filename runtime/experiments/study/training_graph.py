"""The part of a study's graph that trains: whole networks, plans, cuts, and recovery."""

from __future__ import annotations

from typing import Dict, List, Optional, Tuple

from runtime.builder.commands.train import CHECKPOINT_NAME
from runtime.builder.lottery.arms import NEED_EARLY_WEIGHTS
from runtime.builder.training.plan import PATH_FIELDS, TrainingPlan
from runtime.experiments.study.recipe import PruningChoice, StudyArm
from runtime.experiments.study.resolve import PreparedModel, PreparedStudy
from runtime.experiments.study.step import Product, Source, Step, decided
from runtime.experiments.study.training_step import (
    PLAN_NAME,
    START_NAME,
    START_PLAN_NAME,
    START_TICKET_NAME,
)
from runtime.experiments.study.variant import Row, step_name

REWINDS = (*NEED_EARLY_WEIGHTS, "lrr")


class TrainingGraph:
    """The trainings of a study, drawn row by row.

    Args:
        study: whose.

    Attributes:
        rows: drawn so far.
        steps: drawn so far, each after those that it needs.
    """

    def __init__(self, study: PreparedStudy) -> None:
        self._study = study
        self._plans: Dict[str, Step] = {}
        self.rows: List[Row] = []
        self.steps: List[Step] = []

    def whole(self, model: PreparedModel, seed: int) -> None:
        """A row for the whole network; a network that was brought along is the same each time.

        Args:
            model: to be trained, unless it was brought along.
            seed: of its random choices.
        """
        name = f"{model.name}/seed-{seed}"
        if model.checkpoint is not None:
            if seed == self._study.recipe.seeds[0]:
                self.rows.append(Row(name, model, seed, model.checkpoint))
            return
        rewind = self._study.recipe.rewind
        step = self._add(
            Step(
                name=step_name("train", name),
                kind="train",
                parameters=self._trained(model, model.plan_for(seed), rewind),
                inputs=dict(model.start),
                how=self._study.how,
            )
        )
        trained = Product(step.name, CHECKPOINT_NAME)
        self.rows.append(Row(name, model, seed, trained, training=step.name))

    def pruned(
        self, model: PreparedModel, pruning: PruningChoice, arm: StudyArm, seed: int
    ) -> None:
        """A row for one pruned and recovered network.

        Args:
            model: the whole network.
            pruning: what is removed.
            arm: how it is recovered.
            seed: of all random choices.
        """
        name = f"{self._prefix(model)}{pruning.name}/{arm}/seed-{seed}"
        cut = self._cut(name, model, pruning, arm, seed)
        plan = Product(cut.name, START_PLAN_NAME)
        if arm == "none":
            start = Product(cut.name, START_NAME)
            self.rows.append(Row(name, model, seed, start, pruning, arm, plan))
            return
        step = self._recovered(name, model, cut, seed)
        trained = Product(step.name, CHECKPOINT_NAME)
        self.rows.append(Row(name, model, seed, trained, pruning, arm, plan, step.name))

    def _cut(
        self, name: str, model: PreparedModel, pruning: PruningChoice, arm: StudyArm, seed: int
    ) -> Step:
        """The pruning itself, up to where the arm's training begins."""
        whole, early = self._origin(model, seed)
        planned = self._planned(model, pruning, seed, whole)
        inputs: Dict[str, Source] = {"checkpoint": whole, "plan": Product(planned.name, PLAN_NAME)}
        if arm in REWINDS and early is not None:
            inputs["early"] = early
        parameters: Dict[str, object] = {"arm": arm, "seed": seed}
        if arm == "none":
            # Nothing is trained, so that batch norms have to be measured anew, on these images.
            parameters["pictures"] = self._study.calibration_sha256
        name = step_name("cut", name)
        return self._add(Step(name, "cut", parameters, inputs, self._study.how))

    def _recovered(self, name: str, model: PreparedModel, cut: Step, seed: int) -> Step:
        """The arm's training: the whole network's plan, from the ticket's start."""
        begun = {"network": None, "imagenet": None, "init": None}
        plan = model.plan_for(seed).model_copy(update=begun)
        inputs: Dict[str, Source] = {
            "init": Product(cut.name, START_NAME),
            "ticket": Product(cut.name, START_TICKET_NAME),
            "plan": Product(cut.name, START_PLAN_NAME),
        }
        parameters = self._trained(model, plan, None)
        name = step_name("train", name)
        return self._add(Step(name, "train", parameters, inputs, self._study.how))

    def _origin(self, model: PreparedModel, seed: int) -> Tuple[Source, Optional[Source]]:
        """The trained whole network, and where its training can be rewound to."""
        if model.checkpoint is not None:
            return model.checkpoint, model.early
        step = step_name("train", f"{model.name}/seed-{seed}")
        rewind = self._study.recipe.rewind
        return Product(step, CHECKPOINT_NAME), Product(step, f"step-{rewind}.pt")

    def _planned(
        self, model: PreparedModel, pruning: PruningChoice, seed: int, whole: Source
    ) -> Step:
        """The planning of a pruning, which all arms share."""
        name = step_name("plan", f"{self._prefix(model)}{pruning.name}/seed-{seed}")
        if name not in self._plans:
            request = decided(pruning.request(seed))
            self._plans[name] = self._add(
                Step(name, "plan", {"request": request}, {"checkpoint": whole})
            )
        return self._plans[name]

    def _trained(
        self, model: PreparedModel, plan: TrainingPlan, keep_step: Optional[int]
    ) -> Dict[str, object]:
        return {
            "plan": decided(plan, PATH_FIELDS),
            "pictures": model.images_sha256,
            "keep_step": keep_step,
        }

    def _prefix(self, model: PreparedModel) -> str:
        return "" if len(self._study.models) == 1 else f"{model.name}/"

    def _add(self, step: Step) -> Step:
        self.steps.append(step)
        return step
