"""What runs the kernels in tests: the host, or a GPU. Both take the same launches."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Optional, Tuple, cast

import numpy as np
from typing_extensions import Literal, Protocol

from runtime.cuda.kernels.launch import Launch
from runtime.cuda.kernels.parameters import TALLY_WORDS, Element
from runtime.image.label_map import Classes
from runtime.inference.letterbox import Placement, place
from runtime.inference.postprocess.cuda import (
    DeviceLabels,
    DeviceLogits,
    DeviceOverlay,
    counts_of,
    labels_launch,
    resize_labels_launch,
)
from runtime.inference.preprocess.cuda import (
    DeviceFrame,
    DeviceImage,
    DeviceInput,
    preprocess_launch,
)
from runtime.repository.manifest import InputSpec

Size = Tuple[int, int]
Layout = Literal["CHW", "HWC"]
Logit = Literal["float32", "float16"]
UNTOUCHED = 77


class Memory(Protocol):
    """An array where kernels reach it."""

    @property
    def address(self) -> int: ...

    def read(self) -> np.ndarray: ...


class Machine(Protocol):
    """Something that runs kernels."""

    def holding(self, array: np.ndarray) -> Memory: ...

    def run(self, launch: Launch) -> None: ...


def pitched(rows: np.ndarray, extra: int) -> np.ndarray:
    """Rows of bytes with as many more of no meaning after each: (height, width) to 2-D."""
    flat = rows.reshape(rows.shape[0], -1)
    return np.pad(flat, [(0, 0), (0, extra)], constant_values=UNTOUCHED)


def unpitched(memory: Memory, width: int) -> np.ndarray:
    """The rows without what follows them, which must be untouched: (height, width)."""
    rows = memory.read()
    assert (rows[:, width:] == UNTOUCHED).all(), "written between the rows"
    return rows[:, :width]


@dataclass(frozen=True)
class Logits:
    """Logits of an image and how an engine holds them.

    Attributes:
        values: (classes, grid height, grid width) float16 or float32.
        layout: "CHW" or "HWC".
        padded_classes: of HWC, or 0.
    """

    values: np.ndarray
    layout: Layout = "CHW"
    padded_classes: int = 0

    def on(self, machine: Machine) -> Tuple[Memory, DeviceLogits]:
        classes, height, width = self.values.shape
        held = self.values
        if self.layout == "HWC":
            beyond = max(self.padded_classes - classes, 0)
            # The greatest of all numbers, so that reading it as a class would show.
            held = np.pad(
                held.transpose(1, 2, 0), [(0, 0), (0, 0), (0, beyond)], constant_values=6e4
            )
        memory = machine.holding(np.ascontiguousarray(held))
        element = cast(Logit, self.values.dtype.name)
        return memory, DeviceLogits(
            memory.address, element, self.layout, classes, height, width, self.padded_classes
        )


@dataclass(frozen=True)
class Labelled:
    """What labelling leaves: labels, pixels per class, and the overlay where one was drawn."""

    labels: np.ndarray
    counts: np.ndarray
    overlay: Optional[np.ndarray] = None


@dataclass(frozen=True)
class Drawing:
    """An overlay to draw: (height, width, 3) uint8 BGR under a palette."""

    image: np.ndarray
    classes: Classes
    opacity: float
    in_place: bool = False


def labelled(
    machine: Machine,
    logits: Logits,
    size: Size,
    shown: Optional[Placement] = None,
    drawing: Optional[Drawing] = None,
) -> Labelled:
    """Labels on a machine, with rows further apart than they are long."""
    shown = shown or Placement(0, 0, *size)
    shape = (shown.height, shown.width)
    source, described = logits.on(machine)
    empty = np.full(shape, UNTOUCHED, np.uint8)
    labels = machine.holding(pitched(empty, 5))
    tally = machine.holding(np.zeros(TALLY_WORDS, np.uint32))
    overlay: Optional[DeviceOverlay] = None
    target: Optional[Memory] = None
    if drawing is not None:
        image = machine.holding(pitched(drawing.image, 7))
        target = image if drawing.in_place else machine.holding(pitched(drawing.image * 0, 7))
        pitch = 3 * shown.width + 7
        overlay = DeviceOverlay(
            image.address, pitch, target.address, pitch, drawing.classes, drawing.opacity
        )
    to = DeviceLabels(labels.address, shown.width + 5)
    machine.run(labels_launch(described, size, shown, to, tally.address, overlay))
    source.read()
    counts = counts_of(tally.read(), described.classes)
    drawn = None if target is None else unpitched(target, 3 * shown.width).reshape(*shape, 3)
    return Labelled(unpitched(labels, shown.width), counts, drawn)


def resized(machine: Machine, labels: np.ndarray, size: Size) -> np.ndarray:
    """Labels at another size, on a machine."""
    height, width = labels.shape
    source = machine.holding(pitched(labels, 3))
    target = machine.holding(pitched(np.full(size, UNTOUCHED, np.uint8), 9))
    launch = resize_labels_launch(
        DeviceLabels(source.address, width + 3),
        (height, width),
        DeviceLabels(target.address, size[1] + 9),
        size,
    )
    machine.run(launch)
    return unpitched(target, size[1])


@dataclass(frozen=True)
class Prepared:
    """What preprocessing leaves: (3, height, width) of the element, and the shown image."""

    planar: np.ndarray
    image: np.ndarray


def prepared(
    machine: Machine, frame: DeviceFrame, spec: InputSpec, element: Element, scale: float = 1.0
) -> Prepared:
    """The network's input on a machine that holds the frame already."""
    placement = place(frame.height, frame.width, spec)
    stale = np.full((3, spec.height, spec.width), UNTOUCHED, element)
    planar = machine.holding(stale)
    row = 3 * placement.width
    image = machine.holding(np.full((placement.height, row + 11), UNTOUCHED, np.uint8))
    machine.run(
        preprocess_launch(
            frame,
            DeviceInput(planar.address, element, scale),
            spec,
            DeviceImage(image.address, row + 11),
        )
    )
    shown = unpitched(image, row).reshape(placement.height, placement.width, 3)
    return Prepared(planar.read(), shown)
