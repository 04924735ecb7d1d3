"""A network of a study, and the names of the steps that find out about it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Optional

from runtime.experiments.study.engine_step import engine_file
from runtime.experiments.study.recipe import PruningChoice, StudyArm
from runtime.experiments.study.resolve import PreparedModel
from runtime.experiments.study.step import Product, Source
from runtime.repository.manifest import Precision


@dataclass(frozen=True)
class Row:
    """One line of the results.

    Attributes:
        name: in the results.
        model: the whole network that it comes from.
        seed: of its random choices.
        trained: its checkpoint.
        pruning: None for the whole network.
        arm: None for the whole network.
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

    @property
    def engine(self) -> str:
        """Name of the step that quantizes it."""
        return step_name("engine", self.name)

    def judged(self, images: str) -> str:
        """Name of the step that judges it on a set of images."""
        return step_name(f"judge-{images}", self.name)

    def build(self, precision: Precision) -> Product:
        """One of its engine's builds, beside which the manifest lies."""
        return Product(self.engine, engine_file(precision))


def step_name(kind: str, row: str) -> str:
    """The name of a step of this kind for one row, or for all rows below a name.

    Args:
        kind: what the step does, such as "train" or "judge-val".
        row: name of the row, or of several rows' beginning.
    """
    return f"{kind}-{row.replace('/', '-')}"
