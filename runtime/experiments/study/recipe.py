"""The recipe of a study: all that its results follow from, in a file that people write."""

from __future__ import annotations

from pathlib import Path
from typing import Optional, Sequence, Tuple

from pydantic import Field, model_validator
from typing_extensions import Literal

from runtime.builder.data.dataset import SegmentationDataset
from runtime.builder.lottery.arms import NEED_EARLY_WEIGHTS
from runtime.builder.pruning.request import PruningRequest
from runtime.builder.quantization.rules import DEFAULT_RULE, RULES
from runtime.errors import InvalidConfig, InvalidInput
from runtime.files.toml import Table, read_toml, table_from_values
from runtime.repository.manifest import Precision

NAME = r"^[a-z0-9][a-z0-9._-]{0,47}$"

StudyArm = Literal["lth", "ft", "ri", "ri-p", "lrr", "none"]


class ModelChoice(Table):
    """A whole network. Paths start from the recipe's folder.

    Attributes:
        name: in the results.
        plan: a training plan; the pruned networks are trained by it too.
        checkpoint: the trained network, instead of training it.
        early: a kept step of the training that led to the checkpoint, or what it started from.
    """

    name: str = Field(pattern=NAME)
    plan: Optional[str] = None
    checkpoint: Optional[str] = None
    early: Optional[str] = None

    @model_validator(mode="after")
    def _consistent(self) -> ModelChoice:
        if self.plan is None and self.checkpoint is None:
            raise ValueError("a model needs a plan to be trained by, or a checkpoint")
        if self.early is not None and self.checkpoint is None:
            raise ValueError("early belongs to a checkpoint; a plan's training keeps its own")
        return self


class PruningChoice(PruningRequest):
    """What is removed; fields as in `PruningRequest`, whose seed is the study's.

    Attributes:
        name: in the results.
    """

    name: str = Field(pattern=NAME)

    @model_validator(mode="after")
    def _needs_nothing_else(self) -> PruningChoice:
        # Said before the first training, not by the step that would miss them after hours.
        if self.importance == "context":
            raise ValueError("a study has no images for the importance 'context'")
        if self.allocation == "latency":
            raise ValueError("a study has no latency table for the allocation 'latency'")
        return self

    def request(self, seed: int) -> PruningRequest:
        """The same as the planner takes it."""
        return PruningRequest(**{**self.model_dump(exclude={"name"}), "seed": seed})


class ImageChoice(Table):
    """Images of the dataset.

    Attributes:
        split: the one they are in.
        pictures: shell pattern of their names.
        without: shell pattern of names that are left out.
    """

    split: str
    pictures: str = "*"
    without: Optional[str] = None

    def of(self, dataset: SegmentationDataset) -> SegmentationDataset:
        """The chosen images.

        Raises:
            InvalidInput: there are none.
        """
        named = dataset.of_splits(self.split).named(self.pictures)
        return named if self.without is None else named.hold_out(self.without)[0]


class CalibrationChoice(ImageChoice):
    """The images that INT8 ranges are measured on.

    Attributes:
        name: under which the range tables are kept.
        count: at most so many, evenly spread.
        rule: which threshold to take from the distributions.
    """

    name: str = Field(default="study", pattern=NAME)
    split: str = "train"
    count: int = Field(default=100, ge=2)
    rule: str = DEFAULT_RULE

    def of(self, dataset: SegmentationDataset) -> SegmentationDataset:
        """See `ImageChoice.of`; at most `count`."""
        return super().of(dataset).spread(self.count)

    @model_validator(mode="after")
    def _known_rule(self) -> CalibrationChoice:
        if self.rule not in RULES:
            raise ValueError(f"rule {self.rule!r} is none of {', '.join(RULES)}")
        return self


class JudgedChoice(ImageChoice):
    """Labelled images that every network is judged on.

    Attributes:
        name: in the results.
        sentence: what these images are, such as whether they were kept out of training.
    """

    name: str = Field(pattern=NAME)
    sentence: str


class SpeedChoice(Table):
    """How speed is measured.

    Attributes:
        repetitions: of every build, in turns.
    """

    repetitions: int = Field(default=50, ge=1)


class StudyRecipe(Table):
    """models x prunings x arms x seeds x precisions. Paths start from the recipe's folder.

    Attributes:
        name: of the study.
        dataset: its folder; trainings, calibration and judging choose from it.
        models: whole networks.
        prunings: of each of them; none for a study of whole networks.
        arms: how each pruned network is recovered; the first ones are trained first.
        seeds: of trainings, prunings and arms.
        precisions: FP32 is among them, as the others are compared with it.
        rewind: the step that a training is kept at and that lth, ri-p and lrr go back to.
        calibration: needed for INT8.
        judged: sets of images.
        speed: None to measure none.
    """

    name: str = Field(pattern=NAME)
    dataset: str
    models: Tuple[ModelChoice, ...] = Field(min_length=1)
    prunings: Tuple[PruningChoice, ...] = ()
    arms: Tuple[StudyArm, ...] = ("lth", "ft", "ri", "ri-p")
    seeds: Tuple[int, ...] = Field(default=(1,), min_length=1)
    precisions: Tuple[Precision, ...] = ("fp32", "int8")
    rewind: int = Field(default=0, ge=0)
    calibration: Optional[CalibrationChoice] = None
    judged: Tuple[JudgedChoice, ...] = Field(min_length=1)
    speed: Optional[SpeedChoice] = None

    @model_validator(mode="after")
    def _consistent(self) -> StudyRecipe:
        for what, names in (
            ("models", [each.name for each in self.models]),
            ("prunings", [each.name for each in self.prunings]),
            ("judged", [each.name for each in self.judged]),
            ("arms", self.arms),
            ("seeds", self.seeds),
            ("precisions", self.precisions),
        ):
            _require_unique(what, names)
        if min(self.seeds) < 0:
            raise ValueError("seeds are whole numbers from 0 up")
        if "fp32" not in self.precisions:
            raise ValueError("precisions lack fp32, which the others are compared with")
        if "int8" in self.precisions and self.calibration is None:
            raise ValueError("int8 needs a table [calibration]")
        if "none" in self.arms and self.calibration is None:
            raise ValueError("the arm none measures batch norms anew and needs [calibration]")
        if self.prunings and not self.arms:
            raise ValueError("prunings need at least one arm; 'none' trains nothing")
        for model in self.models:
            self._require_trainable(model)
        return self

    def _require_trainable(self, model: ModelChoice) -> None:
        if not self.prunings:
            return
        trained = [arm for arm in self.arms if arm != "none"]
        if trained and model.plan is None:
            raise ValueError(f"model {model.name} has no plan to train the arm {trained[0]} by")
        early = [arm for arm in self.arms if arm in NEED_EARLY_WEIGHTS]
        if early and model.checkpoint is not None and model.early is None:
            raise ValueError(
                f"the arm {early[0]} goes back to early weights, and model {model.name} brings none"
            )


def _require_unique(what: str, names: Sequence[object]) -> None:
    twice = [name for index, name in enumerate(names) if name in names[:index]]
    if twice:
        raise ValueError(f"{what} has {twice[0]} twice")


def recipe_from_file(path: Path) -> StudyRecipe:
    """Reads and checks a recipe.

    Raises:
        InvalidConfig: it is missing, not TOML, or says something unknown or contradictory.
    """
    values = read_toml(path, "recipe", "Give the path of a TOML file").values
    try:
        return table_from_values(StudyRecipe, values, "recipe", str(path), "docs/studies.md")
    except InvalidInput as wrong:
        # A pruning's own words, which name the value but not the file.
        raise InvalidConfig(f"{path}: {wrong.problem}", wrong.cure) from wrong
