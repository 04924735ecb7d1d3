"""A recipe with everything found and checked, before the first training starts."""

from __future__ import annotations

import dataclasses
import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Dict, Optional, Tuple

import torch

from runtime.builder.card import card_of
from runtime.builder.checkpoint import Checkpoint, load_checkpoint
from runtime.builder.data.dataset import SegmentationDataset
from runtime.builder.data.layouts import open_dataset
from runtime.builder.lottery.rewind import moment_from_file
from runtime.builder.lottery.ticket_files import ticket_path
from runtime.builder.pruning.dependencies import groups_of
from runtime.builder.step_cache import key_of
from runtime.builder.swiftnet import Architecture, SwiftNet
from runtime.builder.training.batches import steps_per_epoch
from runtime.builder.training.plan import (
    PATH_FIELDS,
    NetworkPlan,
    TrainingPlan,
    input_spec,
    plan_from_file,
    samples,
)
from runtime.errors import InvalidConfig, InvalidInput
from runtime.experiments.study.recipe import ModelChoice, StudyRecipe
from runtime.experiments.study.step import Given, decided
from runtime.repository.engine_folder import sha256_of

SAVE_EVERY_S = 120.0


@dataclass(frozen=True)
class PreparedModel:
    """A whole network of a study.

    Attributes:
        name: in the recipe.
        architecture: before any pruning.
        size: height and width of its input.
        plan: of its trainings, for any seed; None if nothing is trained.
        images_sha256: of what the plan learns from and measures on.
        checkpoint: the trained network where it is brought along.
        early: weights to rewind to, brought along with it.
        start: what a plan's training starts from, by its part.
    """

    name: str
    architecture: Architecture
    size: Tuple[int, int]
    plan: Optional[TrainingPlan] = None
    images_sha256: str = ""
    checkpoint: Optional[Given] = None
    early: Optional[Given] = None
    start: Dict[str, Given] = dataclasses.field(default_factory=dict)

    def plan_for(self, seed: int) -> TrainingPlan:
        """The plan with a seed of the study.

        Raises:
            InvalidConfig: there is no plan; recipes without one train nothing.
        """
        if self.plan is None:
            raise InvalidConfig(
                f"model {self.name} has no plan to be trained by", "Give it one in the recipe"
            )
        settings = self.plan.settings.model_copy(update={"seed": seed})
        return self.plan.model_copy(update={"settings": settings})


@dataclass(frozen=True)
class PreparedStudy:
    """All that a study's graph is made of.

    Attributes:
        recipe: checked.
        data: folder of the dataset.
        models: in the recipe's order.
        calibration_sha256: of the images' content; empty if there is no such table.
        judged: by name, the content of each set as SHA-256.
        save_every: seconds between saved states of a training.
    """

    recipe: StudyRecipe
    data: Path
    models: Tuple[PreparedModel, ...]
    calibration_sha256: str
    judged: Dict[str, str]
    save_every: float = SAVE_EVERY_S

    @property
    def how(self) -> Dict[str, Any]:
        """What steps are told without any effect on their results."""
        choice = self.recipe.calibration
        return {
            "dataset": str(self.data.resolve()),
            "calibration": None if choice is None else choice.model_dump(mode="json"),
            "save_every": self.save_every,
        }

    @property
    def sha256(self) -> str:
        """SHA-256 of what the recipe, its plans and its checkpoints say, wherever files lie."""
        models = [
            [
                model.name,
                decided(model.plan, PATH_FIELDS) if model.plan else None,
                model.checkpoint.sha256 if model.checkpoint else None,
                model.early.sha256 if model.early else None,
            ]
            for model in self.models
        ]
        return key_of(decided(self.recipe, {"dataset", "models"}), models)


def prepare_study(
    recipe: StudyRecipe,
    base: Path,
    data: Optional[Path] = None,
    save_every: float = SAVE_EVERY_S,
) -> PreparedStudy:
    """Reads all that the recipe names.

    Args:
        recipe: to prepare.
        base: folder that its paths start from.
        data: folder of the dataset, instead of the recipe's.
        save_every: seconds between saved states of a training.

    Raises:
        InvalidConfig: a plan cannot be read, or contradicts the study.
        InvalidInput: the dataset, a checkpoint or a choice of images cannot be used.
    """
    folder = data if data is not None else base / recipe.dataset
    if not folder.is_dir():
        raise InvalidInput(f"there is no dataset {folder}", "Say where it is with --data DIR")
    dataset = open_dataset(folder)
    calibration = None if recipe.calibration is None else recipe.calibration.of(dataset)
    return PreparedStudy(
        recipe=recipe,
        data=folder,
        models=tuple(_model(recipe, choice, base, folder, dataset) for choice in recipe.models),
        calibration_sha256="" if calibration is None else content_sha256(calibration),
        judged={each.name: content_sha256(each.of(dataset)) for each in recipe.judged},
        save_every=save_every,
    )


def content_sha256(dataset: SegmentationDataset) -> str:
    """SHA-256 of a data set: names, classes, images and label maps."""
    digest = hashlib.sha256(repr(dataset.classes).encode())
    for sample in dataset.samples:
        digest.update(f"{sample.split}/{sample.name}\n".encode())
        for path in (sample.image, sample.labels):
            digest.update(path.read_bytes())
    return digest.hexdigest()


def _model(
    recipe: StudyRecipe, choice: ModelChoice, base: Path, data: Path, dataset: SegmentationDataset
) -> PreparedModel:
    plan = None if choice.plan is None else plan_from_file(base / choice.plan, {"dataset": data})
    model = (
        _to_be_trained(choice, plan, dataset)
        if choice.checkpoint is None and plan is not None
        else _brought(choice, base, dataset)
    )
    if plan is not None:
        model = _with_plan(model, plan, recipe.rewind)
    for pruning in recipe.prunings:
        pruning.request(seed=0).chosen(groups_of(model.architecture))
    return model


def _with_plan(model: PreparedModel, plan: TrainingPlan, rewind: int) -> PreparedModel:
    learnt, held = samples(plan)
    steps = plan.settings.epochs * steps_per_epoch(len(learnt), plan.settings.batch)
    if not 0 <= rewind < steps:
        raise InvalidConfig(
            f"rewind is {rewind} but a training of model {model.name} takes {steps} steps",
            f"Choose one from 0 to {steps - 1}",
        )
    size = input_spec(plan, learnt, model.architecture)
    if (size.height, size.width) != model.size:
        raise InvalidConfig(
            f"the plan of model {model.name} trains at {size.height}x{size.width}, its checkpoint "
            f"was trained at {model.size[0]}x{model.size[1]}",
            "Give both one size",
        )
    _require_same_network(model, plan.network)
    sets = [content_sha256(each) for each in (learnt, held) if each is not None]
    return dataclasses.replace(model, plan=plan, images_sha256=key_of(sets))


def _require_same_network(model: PreparedModel, network: Optional[NetworkPlan]) -> None:
    """A plan beside a checkpoint may describe the network; then it must be the checkpoint's."""
    described = {} if network is None else network.model_dump(exclude_unset=True)
    for name, value in described.items():
        own = getattr(model.architecture, name)
        if own != value:
            raise InvalidConfig(
                f"the checkpoint of model {model.name} has {name} {own}, its plan says {value}",
                "Give a checkpoint of the geometry that the plan describes",
            )


def _to_be_trained(
    choice: ModelChoice, plan: TrainingPlan, dataset: SegmentationDataset
) -> PreparedModel:
    learnt, _ = samples(plan)
    start: Dict[str, Given] = {}
    if plan.init is not None:
        if ticket_path(plan.init).is_file():
            raise InvalidConfig(
                f"the plan of model {choice.name} starts from the ticket {plan.init}",
                "Start a whole network from a checkpoint that is no ticket",
            )
        architecture = load_checkpoint(plan.init).architecture
        start["init"] = Given(plan.init, sha256_of(plan.init))
    else:
        network = plan.network or NetworkPlan()
        with torch.device("meta"):
            model = SwiftNet(Architecture(classes=len(learnt.classes), **network.model_dump()))
        architecture = model.architecture
    if plan.imagenet is not None:
        if not plan.imagenet.is_file():
            raise InvalidInput(
                f"there are no weights {plan.imagenet}", "Give the path of an existing file"
            )
        start["imagenet"] = Given(plan.imagenet, sha256_of(plan.imagenet))
    spec = input_spec(plan, learnt, architecture)
    architecture = dataclasses.replace(architecture, classes=len(dataset.classes))
    return PreparedModel(choice.name, architecture, (spec.height, spec.width), start=start)


def _brought(choice: ModelChoice, base: Path, dataset: SegmentationDataset) -> PreparedModel:
    path = base / str(choice.checkpoint)
    checkpoint = load_checkpoint(path)
    card = card_of(checkpoint)
    if card.classes.to_classes().names != dataset.classes.names:
        raise InvalidInput(
            f"the checkpoint of model {choice.name} knows other classes than {dataset.name!r}",
            "Study it on a dataset with the same classes in the same order",
        )
    early = None if choice.early is None else _early(choice, base / choice.early, checkpoint)
    return PreparedModel(
        choice.name,
        checkpoint.architecture,
        (card.input.height, card.input.width),
        checkpoint=Given(path, checkpoint.sha256),
        early=early,
    )


def _early(choice: ModelChoice, path: Path, checkpoint: Checkpoint) -> Given:
    if moment_from_file(path).architecture != checkpoint.architecture:
        raise InvalidInput(
            f"the early weights of model {choice.name} are of another geometry than its checkpoint",
            "Give a step of the training that led to this checkpoint",
        )
    return Given(path, sha256_of(path))
