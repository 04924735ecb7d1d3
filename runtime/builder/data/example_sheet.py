"""A sheet of examples: images beside their labels, as training will see them."""

from __future__ import annotations

from pathlib import Path
from typing import List, Mapping, Optional, Set, Tuple

import numpy as np
from matplotlib.patches import Patch

from runtime.builder.data.dataset import Decoded, SegmentationDataset, evenly
from runtime.builder.figure import new_figure, save
from runtime.errors import InvalidInput
from runtime.image.label_map import Classes, Colour

EXAMPLES_PER_GROUP = 4
_UNLABELLED = (255, 0, 255)
_OPACITY = 0.6
_ACROSS = 2  # examples side by side, each an image and its overlay


def write_example_sheet(groups: Mapping[str, SegmentationDataset], path: Path) -> None:
    """Draws some samples of each group: the image, and beside it the colours of its classes.

    Args:
        groups: parts of a dataset by name; what of them cannot be read is left to the check.
        path: of the PNG.

    Raises:
        InvalidInput: no sample can be read.
    """
    examples = [example for name, part in groups.items() for example in _examples(name, part)]
    if not examples:
        raise InvalidInput("no sample of the dataset can be drawn", "Cure what the check found")
    classes = next(iter(groups.values())).classes
    rows = -(-len(examples) // _ACROSS)
    figure = new_figure(3.2 * 2 * _ACROSS, 2.4 * rows + 0.9)
    axes = figure.subplots(rows, 2 * _ACROSS, squeeze=False)
    for axis in axes.flat:
        axis.set_axis_off()
    for place, (title, (image, labels)) in enumerate(examples):
        row, column = divmod(place, _ACROSS)
        axes[row, 2 * column].imshow(image)
        axes[row, 2 * column].set_title(title, fontsize=8, loc="left", parse_math=False)
        axes[row, 2 * column + 1].imshow(overlaid(image, labels, classes))
    shown = {int(each) for _, (_, labels) in examples for each in np.unique(labels)}
    figure.legend(handles=_key(classes, shown), loc="outside lower center", ncols=8, fontsize=8)
    save(figure, path)


def overlaid(image: np.ndarray, labels: np.ndarray, classes: Classes) -> np.ndarray:
    """The classes' colours over an image, unlabelled pixels in magenta.

    Args:
        image: (height, width, 3) uint8 RGB.
        labels: (height, width) uint8 class ids, or the ignore id.
        classes: what the ids mean.

    Returns:
        (height, width, 3) uint8 RGB.
    """
    colours = classes.colours()
    colours[classes.ignore_id] = _UNLABELLED
    mixed: np.ndarray = _OPACITY * colours[labels] + (1 - _OPACITY) * image
    shown: np.ndarray = mixed.round().astype(np.uint8)
    return shown


def _examples(group: str, dataset: SegmentationDataset) -> List[Tuple[str, Decoded]]:
    chosen = evenly(range(len(dataset)), EXAMPLES_PER_GROUP)
    loaded = [(f"{group}: {dataset.samples[i].name}", _readable(dataset, i)) for i in chosen]
    return [(title, sample) for title, sample in loaded if sample is not None]


def _readable(dataset: SegmentationDataset, index: int) -> Optional[Decoded]:
    try:
        return dataset.load(index)
    except InvalidInput:
        return None


def _key(classes: Classes, shown: Set[int]) -> List[Patch]:
    """Name and colour of the classes that are to be seen, and of what is unlabelled."""
    named = [
        Patch(facecolor=_plotted(colour), edgecolor="black", label=name)
        for class_id, (name, colour) in enumerate(zip(classes.names, classes.palette))
        if class_id in shown
    ]
    unlabelled = Patch(facecolor=_plotted(_UNLABELLED), edgecolor="black", label="unlabelled")
    return [*named, unlabelled]


def _plotted(colour: Colour) -> Tuple[float, float, float]:
    red, green, blue = colour
    return red / 255, green / 255, blue / 255
