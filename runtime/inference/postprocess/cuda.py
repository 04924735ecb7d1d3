"""Labels from logits in device memory: how to launch the kernels that make them.

They compute `reference.labels_from_logits` exactly. Nothing here touches a device;
`runtime.cuda.device` carries launches out.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Optional, Tuple

import numpy as np
from typing_extensions import Literal

from runtime.cuda.kernels.launch import Launch, block_of_tiles, check_pitch, check_side
from runtime.cuda.kernels.parameters import (
    MAX_CLASSES,
    PALETTE_BYTES,
    TALLY_WORDS,
    LabelsParameters,
    ResizeParameters,
)
from runtime.errors import EngineFailed, InvalidInput
from runtime.image.label_map import Classes
from runtime.inference.letterbox import Placement

TALLY_BYTES: Final = 4 * TALLY_WORDS
"""Size of the device memory that takes counts and faults; zero it on the stream before a launch."""
_CELLS_OF_A_BLOCK: Final = (1, 32)
_RESIZE_TILE: Final = (8, 128)


@dataclass(frozen=True)
class DeviceLogits:
    """The engine's output: one image's logits.

    Attributes:
        address: in device memory.
        element: the engine's own type.
        layout: "CHW" as TensorRT's linear format gives it, or "HWC".
        classes: 2 to 255.
        height: rows of the grid.
        width: columns of the grid.
        padded_classes: "HWC": elements from one sample to the next where the format pads them
            (TensorRT's HWC8: classes rounded up to 8); 0 for none.
    """

    address: int
    element: Literal["float32", "float16"]
    layout: Literal["CHW", "HWC"]
    classes: int
    height: int
    width: int
    padded_classes: int = 0

    def __post_init__(self) -> None:
        check_side("the logits' grid", self.height, self.width)
        if not 2 <= self.classes <= MAX_CLASSES:
            raise InvalidInput(f"the logits have {self.classes} classes", "Give 2 to 255")
        if self.padded_classes and (self.layout == "CHW" or self.padded_classes < self.classes):
            raise InvalidInput(
                f"{self.layout} logits of {self.classes} classes are padded to "
                f"{self.padded_classes}",
                "Only HWC logits are padded, and to no less than their classes",
            )
        if max(self.classes, self.padded_classes) * self.height * self.width >= 1 << 31:
            raise InvalidInput(
                f"the logits are {self.classes}x{self.height}x{self.width}",
                "The kernels address less than 2**31 of them",
            )

    @property
    def strides(self) -> Tuple[int, int, int]:
        """Elements from one class, row and column to the next."""
        if self.layout == "CHW":
            return self.height * self.width, self.width, 1
        sample = self.padded_classes or self.classes
        return 1, self.width * sample, sample


@dataclass(frozen=True)
class DeviceLabels:
    """A (height, width) uint8 label map at `address`, its rows `pitch` bytes apart."""

    address: int
    pitch: int


@dataclass(frozen=True)
class DeviceOverlay:
    """The palette over an image, drawn in the same pass.

    Attributes:
        image: address of (height, width, 3) uint8 BGR of the labels' size.
        image_pitch: bytes from one of its rows to the next.
        overlay: address of what is drawn, of the same shape; `image` itself draws in place.
        overlay_pitch: bytes from one of its rows to the next.
        classes: whose palette.
        opacity: 0 shows the image alone, 1 the colours alone.
    """

    image: int
    image_pitch: int
    overlay: int
    overlay_pitch: int
    classes: Classes
    opacity: float

    def __post_init__(self) -> None:
        if not 0 <= self.opacity <= 1:
            raise InvalidInput(f"the opacity is {self.opacity}", "Use a number from 0 to 1")


def labels_launch(
    logits: DeviceLogits,
    size: Tuple[int, int],
    shown: Placement,
    labels: DeviceLabels,
    tally: int,
    overlay: Optional[DeviceOverlay] = None,
) -> Launch:
    """The launch that takes logits to labels: upsampling and argmax in one, ties to the lowest.

    Args:
        logits: what to read.
        size: height and width of the network's input, to which the logits are upsampled.
        shown: the rectangle of it to label, as `letterbox.place` gave it: padding has no labels.
        labels: takes the rectangle's labels.
        tally: address of TALLY_BYTES, zeroed before; read it with `counts_of`.
        overlay: drawn too, where it is not None.

    Raises:
        InvalidInput: a size or a pitch is out of bounds.
    """
    check_side("the network's input", *size)
    check_pitch("the label map", labels.pitch, shown.width, shown.height)
    if shown.rows.stop > size[0] or shown.columns.stop > size[1]:
        raise InvalidInput(
            f"{shown} reaches beyond {size[0]}x{size[1]} pixels",
            "Label the rectangle that `letterbox.place` gives for this input",
        )
    class_stride, row_stride, column_stride = logits.strides
    parameters = LabelsParameters(
        logits=logits.address,
        labels=labels.address,
        tally=tally,
        classes=logits.classes,
        grid_height=logits.height,
        grid_width=logits.width,
        class_stride=class_stride,
        row_stride=row_stride,
        column_stride=column_stride,
        height=size[0],
        width=size[1],
        top=shown.top,
        left=shown.left,
        shown_height=shown.height,
        shown_width=shown.width,
        labels_pitch=labels.pitch,
    )
    if overlay is not None:
        _draw(overlay, shown, parameters)
    cells = (logits.height + 1, logits.width + 1)
    return block_of_tiles(f"labels_{logits.element}", cells, _CELLS_OF_A_BLOCK, parameters)


def _draw(overlay: DeviceOverlay, shown: Placement, parameters: LabelsParameters) -> None:
    check_pitch("the image", overlay.image_pitch, 3 * shown.width, shown.height)
    check_pitch("the overlay", overlay.overlay_pitch, 3 * shown.width, shown.height)
    parameters.image, parameters.image_pitch = overlay.image, overlay.image_pitch
    parameters.overlay, parameters.overlay_pitch = overlay.overlay, overlay.overlay_pitch
    parameters.opacity, parameters.transparency = overlay.opacity, 1 - overlay.opacity
    bgr = overlay.classes.colours()[:, ::-1]
    parameters.palette[:PALETTE_BYTES] = bgr.reshape(-1).tolist()


def resize_labels_launch(
    labels: DeviceLabels, size: Tuple[int, int], resized: DeviceLabels, new_size: Tuple[int, int]
) -> Launch:
    """The launch that takes labels to another size: `postprocess.cpu.resize_labels` exactly.

    Args:
        labels: what to read.
        size: its height and width.
        resized: what to write.
        new_size: its height and width.

    Raises:
        InvalidInput: a size or a pitch is out of bounds.
    """
    check_side("the label map", *size)
    check_side("the resized label map", *new_size)
    check_pitch("the label map", labels.pitch, size[1], size[0])
    check_pitch("the resized label map", resized.pitch, new_size[1], new_size[0])
    parameters = ResizeParameters(
        labels=labels.address,
        resized=resized.address,
        labels_pitch=labels.pitch,
        resized_pitch=resized.pitch,
        source_height=size[0],
        source_width=size[1],
        height=new_size[0],
        width=new_size[1],
    )
    return block_of_tiles("resize_labels", new_size, _RESIZE_TILE, parameters)


def counts_of(tally: np.ndarray, classes: int) -> np.ndarray:
    """Pixels of each class, from what the kernel left in a tally.

    Args:
        tally: (TALLY_WORDS,) uint32, copied from the device.
        classes: of the logits.

    Returns:
        (classes,) int64; their sum is the shown rectangle's size.

    Raises:
        EngineFailed: a logit was not a finite number; the labels must not be used.
    """
    if tally[-1]:
        raise EngineFailed(
            "the engine's logits are not all finite numbers",
            "Rebuild it in a wider precision, or check its weights",
        )
    return tally[:classes].astype(np.int64)
