"""What the network takes and gives: its input and its classes, wherever they are said."""

from __future__ import annotations

from typing import Any, Dict, Optional

from runtime.builder.card import TrainingCard
from runtime.builder.checkpoint import Checkpoint
from runtime.builder.data.dataset import SegmentationDataset
from runtime.builder.engine.recipe import Recipe
from runtime.errors import InvalidConfig
from runtime.image.label_map import Classes
from runtime.repository.manifest import InputSpec


def resolve_classes(
    checkpoint: Checkpoint, card: Optional[TrainingCard], dataset: Optional[SegmentationDataset]
) -> Classes:
    """The classes as the checkpoint names them, else as the dataset does.

    Args:
        checkpoint: of the network, which has one output a class.
        card: what the checkpoint says about itself, if anything.
        dataset: that is calibrated or evaluated on, if any.

    Raises:
        InvalidConfig: neither says them, or they contradict each other or the network.
    """
    if card is not None:
        classes = card.classes.to_classes()
    elif dataset is not None:
        classes = dataset.classes
    else:
        raise InvalidConfig(
            "neither the checkpoint nor a dataset says what the classes are",
            "Name the dataset it was trained on with --data DIR, or in the recipe",
        )
    if len(classes) != checkpoint.architecture.classes:
        raise InvalidConfig(
            f"the network has {checkpoint.architecture.classes} classes, its dataset "
            f"{len(classes)}",
            "Name the dataset that the network was trained on",
        )
    if dataset is not None and dataset.classes.names != classes.names:
        raise InvalidConfig(
            f"the classes of dataset {dataset.name!r} are not those of the checkpoint",
            "Evaluate and calibrate on a dataset with the same classes in the same order",
        )
    return classes


def resolve_input(
    recipe: Recipe, checkpoint: Checkpoint, card: Optional[TrainingCard]
) -> Optional[InputSpec]:
    """Size, geometry and normalisation; the recipe wins over the checkpoint.

    Args:
        recipe: may say size and geometry.
        checkpoint: says the normalisation, which belongs to the network.
        card: what the checkpoint says about itself, if anything.

    Returns:
        None where neither says the size, which a person has to.
    """
    chosen = recipe.input
    if chosen is None and card is None:
        return None
    known: Dict[str, Any] = {} if card is None else card.input.model_dump()
    known.update({} if chosen is None else chosen.model_dump())
    architecture = checkpoint.architecture
    return InputSpec(**{**known, "mean": architecture.mean, "std": architecture.std})
