"""The graph of a study: which steps there are, and which files of which steps each needs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Dict, List, Optional, Tuple

from runtime.builder.pruning.arms import NEED_EARLY_WEIGHTS
from runtime.builder.study.preparation import PreparedModel, PreparedStudy
from runtime.builder.study.recipe import PruningChoice, StudyArm
from runtime.builder.study.step import Product, Source, Step
from runtime.builder.training.command import CHECKPOINT_NAME
from runtime.builder.training.plan import PATHS, TrainingPlan
from runtime.errors import InvalidConfig

PLAN_NAME = "plan.json"
START_NAME = "start.pt"
START_PLAN_NAME = "start.plan.json"
START_TICKET_NAME = "start.ticket.pt"
REWINDS = (*NEED_EARLY_WEIGHTS, "lrr")


@dataclass(frozen=True)
class Row:
    """A network of the study, and where all that is known of it will be found.

    Attributes:
        name: in the results.
        model: the whole network that it comes from.
        seed: of its random choices.
        pruning: None for the whole network.
        arm: None for the whole network.
        trained: its checkpoint.
        plan: its pruning plan.
        training: name of the step that trains it; None where nothing does.
    """

    name: str
    model: PreparedModel
    seed: int
    trained: Source
    pruning: Optional[PruningChoice] = None
    arm: Optional[StudyArm] = None
    plan: Optional[Source] = None
    training: Optional[str] = None


@dataclass(frozen=True)
class Graph:
    """All steps by name, those to be done first first, and the rows in the recipe's order."""

    steps: Dict[str, Step]
    rows: Tuple[Row, ...]


def graph_of(study: PreparedStudy) -> Graph:
    """The steps and rows of a study.

    Raises:
        InvalidConfig: two steps or rows would have the same name.
    """
    drawn = _Drawing(study)
    for model in study.models:
        for seed in study.recipe.seeds:
            drawn.whole(model, seed)
    # Arm by arm, so that the first arm is complete for all prunings before the next one begins.
    for arm in study.recipe.arms:
        for model in study.models:
            for pruning in study.recipe.prunings:
                for seed in study.recipe.seeds:
                    drawn.pruned(model, pruning, arm, seed)
    return Graph({step.name: step for step in drawn.steps}, drawn.rows_in_order())


class _Drawing:
    """The graph while it is drawn."""

    def __init__(self, study: PreparedStudy) -> None:
        self._study = study
        self._rows: Dict[str, Row] = {}
        self._plans: Dict[str, Step] = {}
        self.steps: List[Step] = []

    def whole(self, model: PreparedModel, seed: int) -> None:
        """A row for the whole network; a network that was brought along is the same each time."""
        name = f"{model.name}/seed-{seed}"
        if model.checkpoint is not None:
            if seed == self._study.recipe.seeds[0]:
                self._row(Row(name, model, seed, model.checkpoint))
            return
        rewind = self._study.recipe.rewind
        step = self._add(
            Step(
                name=_step_name("train", name),
                kind="train",
                parameters=self._trained(model, model.plan_for(seed), rewind),
                inputs=dict(model.start),
                how=self._how(),
            )
        )
        trained = Product(step.name, CHECKPOINT_NAME)
        self._row(Row(name, model, seed, trained, training=step.name))

    def pruned(
        self, model: PreparedModel, pruning: PruningChoice, arm: StudyArm, seed: int
    ) -> None:
        """A row for one pruned and recovered network."""
        name = f"{self._prefix(model)}{pruning.name}/{arm}/seed-{seed}"
        whole, early = self._origin(model, seed)
        planned = self._planned(model, pruning, seed, whole)
        inputs: Dict[str, Source] = {"checkpoint": whole, "plan": Product(planned.name, PLAN_NAME)}
        if arm in REWINDS and early is not None:
            inputs["early"] = early
        cut = self._add(
            Step(
                name=_step_name("cut", name),
                kind="cut",
                parameters={"arm": arm, "seed": seed, **self._recalibration(arm)},
                inputs=inputs,
                how=self._how(),
            )
        )
        plan = Product(cut.name, START_PLAN_NAME)
        if arm == "none":
            self._row(Row(name, model, seed, Product(cut.name, START_NAME), pruning, arm, plan))
            return
        continued = model.plan_for(seed).model_copy(
            update={"network": None, "imagenet": None, "init": None}
        )
        step = self._add(
            Step(
                name=_step_name("train", name),
                kind="train",
                parameters=self._trained(model, continued, None),
                inputs={
                    "init": Product(cut.name, START_NAME),
                    "ticket": Product(cut.name, START_TICKET_NAME),
                    "plan": plan,
                },
                how=self._how(),
            )
        )
        trained = Product(step.name, CHECKPOINT_NAME)
        self._row(Row(name, model, seed, trained, pruning, arm, plan, step.name))

    def rows_in_order(self) -> Tuple[Row, ...]:
        """Whole network, then pruning by pruning, arm by arm, seed by seed."""
        recipe = self._study.recipe

        def place(row: Row) -> Tuple[int, int, int, int]:
            return (
                self._study.models.index(row.model),
                -1 if row.pruning is None else recipe.prunings.index(row.pruning),
                -1 if row.arm is None else recipe.arms.index(row.arm),
                recipe.seeds.index(row.seed),
            )

        return tuple(sorted(self._rows.values(), key=place))

    def _origin(self, model: PreparedModel, seed: int) -> Tuple[Source, Optional[Source]]:
        """The trained whole network, and where its training can be rewound to."""
        if model.checkpoint is not None:
            return model.checkpoint, model.early
        step = _step_name("train", f"{model.name}/seed-{seed}")
        rewind = self._study.recipe.rewind
        return Product(step, CHECKPOINT_NAME), Product(step, f"step-{rewind}.pt")

    def _planned(
        self, model: PreparedModel, pruning: PruningChoice, seed: int, whole: Source
    ) -> Step:
        """The planning of a pruning, which all arms share."""
        name = _step_name("plan", f"{self._prefix(model)}{pruning.name}/seed-{seed}")
        if name not in self._plans:
            request = pruning.request(seed).model_dump(mode="json")
            self._plans[name] = self._add(
                Step(name, "plan", {"request": request}, {"checkpoint": whole})
            )
        return self._plans[name]

    def _recalibration(self, arm: StudyArm) -> Dict[str, str]:
        """An arm that trains nothing has its batch norms measured on the calibration pictures."""
        return {"pictures": self._study.calibration_sha256} if arm == "none" else {}

    def _trained(
        self, model: PreparedModel, plan: TrainingPlan, keep_step: Optional[int]
    ) -> Dict[str, object]:
        return {
            "plan": plan.model_dump(mode="json", exclude=PATHS),
            "pictures": model.pictures_sha256,
            "keep_step": keep_step,
        }

    def _how(self) -> Dict[str, object]:
        choice = self._study.recipe.calibration
        return {
            "dataset": str(self._study.data.resolve()),
            "calibration": None if choice is None else choice.model_dump(mode="json"),
        }

    def _prefix(self, model: PreparedModel) -> str:
        return "" if len(self._study.models) == 1 else f"{model.name}/"

    def _add(self, step: Step) -> Step:
        if step.name in {other.name for other in self.steps}:
            raise InvalidConfig(
                f"two steps of the study would be called {step.name}",
                "Rename a model or a pruning of the recipe",
            )
        self.steps.append(step)
        return step

    def _row(self, row: Row) -> None:
        if row.name in self._rows:
            raise InvalidConfig(
                f"two networks of the study would be called {row.name}",
                "Rename a model or a pruning of the recipe",
            )
        self._rows[row.name] = row


def _step_name(kind: str, row: str) -> str:
    return f"{kind}-{row.replace('/', '-')}"
