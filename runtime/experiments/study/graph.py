"""The graph of a study: which steps there are, and which networks they tell of."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Dict, Optional, Sequence, Tuple

from runtime.errors import InvalidConfig
from runtime.experiments.study.evaluation_graph import judging_steps, measuring_step
from runtime.experiments.study.resolve import PreparedStudy
from runtime.experiments.study.step import Step
from runtime.experiments.study.training_graph import TrainingGraph
from runtime.experiments.study.variant import Row


@dataclass(frozen=True)
class Graph:
    """A study as it will be done.

    Attributes:
        steps: all by name, those to be done first first.
        rows: in the recipe's order.
        speed: name of the step that measures it; None if nobody asked.
    """

    steps: Dict[str, Step]
    rows: Tuple[Row, ...]
    speed: Optional[str] = None


def graph_of(study: PreparedStudy) -> Graph:
    """The steps and rows of a study.

    Raises:
        InvalidConfig: two steps or rows would have the same name.
    """
    recipe = study.recipe
    drawn = TrainingGraph(study)
    for model in study.models:
        for seed in recipe.seeds:
            drawn.whole(model, seed)
    # Arm by arm, so that the first arm is complete for all prunings before the next one begins.
    for arm in recipe.arms:
        for model in study.models:
            for pruning in recipe.prunings:
                for seed in recipe.seeds:
                    drawn.pruned(model, pruning, arm, seed)
    rows = _in_order(study, drawn.rows)
    # Trainings take longest, so they come first: at the end there is short work for all jobs.
    steps = [*drawn.steps, *(step for row in rows for step in judging_steps(study, row))]
    speed = measuring_step(study, rows)
    if speed is not None:
        steps.append(speed)
    _require_unique("networks", [row.name for row in rows])
    _require_unique("steps", [step.name for step in steps])
    return Graph({step.name: step for step in steps}, rows, None if speed is None else speed.name)


def _in_order(study: PreparedStudy, rows: Sequence[Row]) -> Tuple[Row, ...]:
    """Model by model: the whole network, then pruning by pruning, arm by arm, seed by seed."""
    recipe = study.recipe

    def place(row: Row) -> Tuple[int, int, int, int]:
        return (
            study.models.index(row.model),
            -1 if row.pruning is None else recipe.prunings.index(row.pruning),
            -1 if row.arm is None else recipe.arms.index(row.arm),
            recipe.seeds.index(row.seed),
        )

    return tuple(sorted(rows, key=place))


def _require_unique(what: str, names: Sequence[str]) -> None:
    twice = [name for index, name in enumerate(names) if name in names[:index]]
    if twice:
        raise InvalidConfig(
            f"two {what} of the study would be called {twice[0]}",
            "Rename a model, a pruning or a judged set of the recipe",
        )
