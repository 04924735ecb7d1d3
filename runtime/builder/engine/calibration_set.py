"""Which images a recipe means: of a dataset by split and name, or all of a folder."""

from __future__ import annotations

from pathlib import Path
from typing import Optional, Sequence, Tuple

from runtime.builder.data.dataset import SegmentationDataset, evenly
from runtime.builder.data.label_map_guess import require_image
from runtime.builder.engine.recipe import CalibrationChoice
from runtime.errors import InvalidConfig, InvalidInput
from runtime.image.folder import IMAGE_ENDINGS, images_of
from runtime.image.label_map import Classes


def calibration_images(
    choice: Optional[CalibrationChoice],
    dataset: Optional[SegmentationDataset],
    folder: Optional[Path],
) -> Tuple[Path, ...]:
    """What INT8 ranges are to be measured on: at most `choice.count`, evenly spread.

    Args:
        choice: the recipe's, if it has one.
        dataset: what the choice may choose from.
        folder: the one that the choice names; None where it chooses from the dataset.

    Raises:
        InvalidConfig: there is no choice.
        InvalidInput: there are no such images.
    """
    if choice is None:
        raise InvalidConfig(
            "an INT8 build needs calibration images, and none are named",
            "Give --calib DIR with some hundred images as the camera takes them",
        )
    if folder is not None:
        images = images_in(folder)
    elif dataset is not None:
        samples = dataset.of_splits(*choice.splits).named(choice.pictures).samples
        images = tuple(sample.image for sample in samples)
    else:
        images = ()
    return evenly(images, choice.count)


def require_images(
    choice: Optional[CalibrationChoice], images: Sequence[Path], classes: Classes
) -> None:
    """Refuses label maps in the folder of calibration images; a dataset knows its images.

    Args:
        choice: the recipe's; it may insist that all are images.
        images: what it chose.
        classes: of the network; label maps are told by them.

    Raises:
        InvalidInput: one is a label map.
    """
    if choice is not None and choice.folder is not None and not choice.grey_images:
        for image in images:
            require_image(image, classes)


def images_in(folder: Path) -> Tuple[Path, ...]:
    """The images of a folder, or of its `images`, sorted by name.

    Raises:
        InvalidInput: there are none.
    """
    for place in (folder, folder / "images"):
        if place.is_dir():
            found = images_of(place)
            if found:
                return found
    raise InvalidInput(
        f"{folder} holds no images ({', '.join(IMAGE_ENDINGS)})",
        "Give --calib the folder in which the calibration images lie",
    )
