"""Datasets as they lie on disk: the native form (dataset.json), Cityscapes and ADE20K."""

from __future__ import annotations

import colorsys
from dataclasses import replace
from pathlib import Path
from typing import List, Optional, Sequence, Tuple

import numpy as np
from pydantic import BaseModel, ConfigDict, ValidationError

from runtime.builder.data.dataset import (
    Drawn,
    Sample,
    SegmentationDataset,
    ids_as_stored,
    ids_mapped,
)
from runtime.builder.data.pairs import PairedSplit, hidden_left_out, paired_split
from runtime.errors import InvalidInput
from runtime.files.json_file import read_json
from runtime.files.text import read_text
from runtime.files.validation import first_complaint
from runtime.image.folder import is_hidden, list_folder
from runtime.image.label_map import Classes, Colour
from runtime.names import shown

# The labelId of each of the 19 train ids and the benchmark's colours, as the dataset defines them
# (github.com/mcordts/cityscapesScripts).
CITYSCAPES: Tuple[Tuple[int, str, Colour], ...] = (
    (7, "road", (128, 64, 128)),
    (8, "sidewalk", (244, 35, 232)),
    (11, "building", (70, 70, 70)),
    (12, "wall", (102, 102, 156)),
    (13, "fence", (190, 153, 153)),
    (17, "pole", (153, 153, 153)),
    (19, "traffic light", (250, 170, 30)),
    (20, "traffic sign", (220, 220, 0)),
    (21, "vegetation", (107, 142, 35)),
    (22, "terrain", (152, 251, 152)),
    (23, "sky", (70, 130, 180)),
    (24, "person", (220, 20, 60)),
    (25, "rider", (255, 0, 0)),
    (26, "car", (0, 0, 142)),
    (27, "truck", (0, 0, 70)),
    (28, "bus", (0, 60, 100)),
    (31, "train", (0, 80, 100)),
    (32, "motorcycle", (0, 0, 230)),
    (33, "bicycle", (119, 11, 32)),
)
CITYSCAPES_IDS = range(34)
ADE20K_CLASSES = 150


def open_dataset(folder: Path) -> SegmentationDataset:
    """Every image of every split of the dataset in `folder`, in any of the three layouts.

    Raises:
        InvalidInput: the folder is none of the layouts, or contradicts the one it has.
    """
    if (folder / "dataset.json").is_file():
        return _native(folder)
    if (folder / "leftImg8bit").is_dir() and (folder / "gtFine").is_dir():
        return _cityscapes(folder)
    if (folder / "images").is_dir() and (folder / "annotations").is_dir():
        return _ade20k(folder)
    raise InvalidInput(
        f"{folder} is not a dataset: it has neither dataset.json (native), leftImg8bit and gtFine "
        "(Cityscapes) nor images and annotations (ADE20K)",
        "Give the dataset's top folder; docs/training.md shows the native form",
    )


class _Description(BaseModel):
    """dataset.json of the native form."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    name: str
    classes: List[str]
    palette: List[Tuple[int, int, int]]
    ignore_id: int = 255
    labels_drawn_on: Optional[Drawn] = None


def _native(folder: Path) -> SegmentationDataset:
    path = folder / "dataset.json"
    try:
        said = _Description.model_validate(read_json(path))
    except (ValidationError, ValueError) as wrong:
        raise InvalidInput(
            f"{path} is not a dataset description: {_first_line(wrong)}",
            "It needs name, classes (a list of names) and palette (a list of RGB triples); "
            "ignore_id and labels_drawn_on are optional",
        ) from wrong
    classes = Classes(tuple(said.classes), tuple(said.palette), said.ignore_id)
    parts = [
        paired_split(part.name, part / "images", part / "labels")
        for part in list_folder(folder).folders
        if (part / "images").is_dir()
    ]
    dataset = _dataset(said.name, classes, parts, folder, ids_as_stored(classes))
    return replace(dataset, drawn_on=said.labels_drawn_on)


def _cityscapes(folder: Path) -> SegmentationDataset:
    classes = Classes(
        tuple(name for _, name, _ in CITYSCAPES), tuple(colour for _, _, colour in CITYSCAPES)
    )
    parts = [
        _cityscapes_split(folder, part) for part in list_folder(folder / "leftImg8bit").folders
    ]
    train_ids = {stored: train_id for train_id, (stored, _, _) in enumerate(CITYSCAPES)}
    # License plates have labelId -1, which an 8-bit file stores as 255.
    table = ids_mapped(train_ids, ignored=[*CITYSCAPES_IDS, 255], ignore_id=classes.ignore_id)
    return _dataset("cityscapes", classes, parts, folder, table)


def _cityscapes_split(folder: Path, part: Path) -> PairedSplit:
    found = sorted(part.glob("*/*_leftImg8bit.png"))
    images = [image for image in found if not is_hidden(image)]
    samples: List[Sample] = []
    for image in images:
        name = image.name[: -len("_leftImg8bit.png")]
        labels = folder / "gtFine" / part.name / image.parent.name / f"{name}_gtFine_labelIds.png"
        if not labels.is_file():
            raise InvalidInput(
                f"{image} has no label map: {labels} does not exist", "Add it or take the image out"
            )
        samples.append(Sample(shown(name), shown(part.name), image, labels))
    hidden = len(found) - len(images)
    return PairedSplit(tuple(samples), (hidden_left_out(hidden, part),) if hidden else ())


def _ade20k(folder: Path) -> SegmentationDataset:
    classes = Classes(_ade20k_names(folder / "objectInfo150.txt"), _spread_colours(ADE20K_CLASSES))
    parts = [
        paired_split(part.name, part, folder / "annotations" / part.name)
        for part in list_folder(folder / "images").folders
    ]
    table = ids_mapped(
        {k + 1: k for k in range(ADE20K_CLASSES)}, ignored=[0], ignore_id=classes.ignore_id
    )
    return _dataset("ade20k", classes, parts, folder, table)


def _ade20k_names(path: Path) -> Tuple[str, ...]:
    """The names in the dataset's own table: tab-separated, the name with its synonyms last."""
    if not path.is_file():
        raise InvalidInput(
            f"{path} does not exist",
            "Keep the objectInfo150.txt of the ADE20K archive in its place",
        )
    lines = read_text(path).splitlines()[1:]
    full = [line.split("\t")[-1].strip() for line in lines if line.strip()]
    if len(full) != ADE20K_CLASSES:
        raise InvalidInput(
            f"{path} names {len(full)} classes", "Use the unchanged file of the archive, with 150"
        )
    short = [name.split(",")[0].strip() for name in full]
    return tuple(s if short.count(s) == 1 else f for s, f in zip(short, full))


def _spread_colours(count: int) -> Tuple[Colour, ...]:
    """Well separated colours: hues a golden section apart, in three strengths."""
    colours: List[Colour] = []
    for k in range(count):
        saturation, value = (1.0, 0.6, 0.8)[k % 3], (0.9, 0.75, 0.5)[k // 3 % 3]
        red, green, blue = colorsys.hsv_to_rgb(k * 0.618034 % 1, saturation, value)
        colours.append((round(red * 255), round(green * 255), round(blue * 255)))
    return tuple(colours)


def _dataset(
    name: str, classes: Classes, parts: Sequence[PairedSplit], folder: Path, table: np.ndarray
) -> SegmentationDataset:
    samples = tuple(sample for part in parts for sample in part.samples)
    if not samples:
        raise InvalidInput(
            f"{folder} holds no images", "Put them into <split>/images and <split>/labels"
        )
    remarks = tuple(remark for part in parts for remark in part.remarks)
    return SegmentationDataset(name, classes, samples, table, remarks=remarks)


def _first_line(fault: Exception) -> str:
    if isinstance(fault, ValidationError):
        return first_complaint(fault)
    return str(fault).splitlines()[0]
