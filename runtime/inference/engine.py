"""What an engine is: slots from image to logits, and on a GPU pipelines from frame to labels.

The implementations are in `backends`, one module or package per library; `backends.open_engine`
picks one and imports it lazily.
"""

from __future__ import annotations

from dataclasses import dataclass
from types import TracebackType
from typing import Final, Mapping, Optional, Sequence, Tuple, Type

import numpy as np
from typing_extensions import Literal, Protocol, runtime_checkable

from runtime.errors import InvalidInput
from runtime.image.frame import Frame
from runtime.repository.manifest import EngineManifest

Mode = Literal["latency", "throughput"]
MaskSize = Literal["frame", "model"]


@dataclass(frozen=True)
class TensorSpec:
    """A tensor of a slot.

    Attributes:
        name: of the tensor.
        shape: of one frame's tensor, without a batch.
        dtype: as numpy names it, such as "float32".
        layout: order of the axes, such as "HWC".
    """

    name: str
    shape: Tuple[int, ...]
    dtype: str
    layout: str


class Slot(Protocol):
    """Room for one frame inside an engine. Used by one thread at a time.

    The buffers belong to the slot for its whole life: write `input`, call `run`, read `output`
    before the next `run`.
    """

    @property
    def input(self) -> np.ndarray:
        """(height, width, 3) uint8 BGR: the frame after resizing; normalising is the engine's."""

    @property
    def output(self) -> np.ndarray:
        """(grid height, grid width, classes) float32 logits of the last `run`."""

    def run(self) -> None:
        """Computes `output` from `input`, blocking.

        Raises:
            EngineFailed: nothing was computed; `output` must not be read.
        """


class Engine(Protocol):
    """A loaded engine: opened by `with`, closed with its buffers at the end of the block."""

    @property
    def input(self) -> TensorSpec:
        """Shape and type of every slot's `input`."""

    @property
    def output(self) -> TensorSpec:
        """Shape and type of every slot's `output`."""

    @property
    def slots(self) -> Sequence[Slot]:
        """As many frames as the engine runs at once; none outside the `with` block."""

    def __enter__(self) -> Engine: ...

    def __exit__(
        self,
        kind: Optional[Type[BaseException]],
        error: Optional[BaseException],
        trace: Optional[TracebackType],
    ) -> None: ...


@dataclass(frozen=True)
class SegmentOptions:
    """What somebody will look at of a segmented frame; the rest need not leave the device.

    The labels always come, of the frame's size unless `size` says otherwise.

    Attributes:
        size: of the labels: the frame's, or that of its rectangle in the model's input.
        image: whether the frame as the model saw it is needed too.
        overlay: how much the classes' colours cover that image, 0 to 1; None draws nothing.
    """

    size: MaskSize = "frame"
    image: bool = False
    overlay: Optional[float] = None

    def __post_init__(self) -> None:
        if self.overlay is not None and not 0 <= self.overlay <= 1:
            raise InvalidInput(f"the opacity is {self.overlay}", "Use a number from 0 to 1")


MASK: Final = SegmentOptions()
"""The mask of the frame's size alone."""


@dataclass(frozen=True)
class DeviceOptions:
    """How an engine on a GPU is run; others have no use for it.

    Attributes:
        busy_wait: whether waiting for the device takes a core and answers sooner; else it sleeps.
        cuda_graphs: whether the engine's work is captured once and replayed, which saves the
            processor the launch of every layer. TensorRT-RTX alone does so.
    """

    busy_wait: bool = False
    cuda_graphs: bool = False


AS_USUAL: Final = DeviceOptions()


@dataclass(frozen=True)
class Labelled:
    """What a pipeline gives for one frame: class ids, not yet tied to the names of classes.

    Attributes:
        labels: (height, width) uint8 class ids, of the size that was wanted.
        image: (height, width, 3) uint8 BGR, the frame as the model saw it, without padding; a
            view that is valid until the pipeline takes its next frame, and while the engine is
            open. None where it was not wanted and would have had to be copied.
        overlay: the image under the classes' colours, of its shape and validity; None where it
            was not wanted, or where the processor would have to draw it.
        timings: seconds of each stage: preprocess, infer, postprocess.
    """

    labels: np.ndarray
    image: Optional[np.ndarray]
    overlay: Optional[np.ndarray]
    timings: Mapping[str, float]


@runtime_checkable
class DevicePipeline(Protocol):
    """All stages of one frame at a time, from pixels to labels. Used by one thread at a time."""

    def label(self, frame: Frame, wanted: SegmentOptions) -> Labelled:
        """Labels every pixel.

        Args:
            frame: BGR or NV12, of any size.
            wanted: what will be looked at of the result.

        Raises:
            EngineFailed: the engine stopped computing.
            RuntimeFault: this frame failed, the next may not.
        """


@runtime_checkable
class HasDevicePipelines(Protocol):
    """An engine that takes frames to labels by itself, as one on a GPU that does all stages."""

    @property
    def pipelines(self) -> Sequence[DevicePipeline]:
        """As many frames as may be under way at once; none outside the `with` block."""


def input_tensor(manifest: EngineManifest) -> TensorSpec:
    """The tensor that slots take: a BGR image of the model's size."""
    return TensorSpec("image", (manifest.input.height, manifest.input.width, 3), "uint8", "HWC")


def output_tensor(manifest: EngineManifest) -> TensorSpec:
    """The tensor that slots give: the grid of logits."""
    shape = (manifest.output.height, manifest.output.width, len(manifest.classes.names))
    return TensorSpec("logits", shape, "float32", "HWC")
