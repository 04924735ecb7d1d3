"""A frame in device memory into the network's input: how to launch the kernels that do it.

They compute `reference.network_input` bit for bit in float32 and round once for narrower types.
Nothing here touches a device; `runtime.cuda.device` carries launches out.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Optional

from typing_extensions import Literal

from runtime.cuda.kernels.launch import Launch, block_of_tiles, check_pitch, check_side
from runtime.cuda.kernels.parameters import ELEMENT_CODES, Element, PreprocessParameters
from runtime.errors import InvalidInput
from runtime.image.frame import Frame
from runtime.image.yuv import YuvCoding
from runtime.inference.letterbox import place
from runtime.inference.preprocess.reference import resampling_for
from runtime.repository.manifest import InputSpec

PixelFormat = Literal["bgr", "bgrx", "rgb", "nv12"]
_TILE: Final = (8, 32)
_BYTES_PER_PIXEL: Final = {"bgr": 3, "bgrx": 4, "rgb": 3, "nv12": 1}


@dataclass(frozen=True)
class DeviceFrame:
    """A uint8 frame in memory that the device reads.

    Attributes:
        format: order of the bytes; "bgrx" has a fourth one without meaning.
        height: rows, pixels; even for NV12, as `width`.
        width: columns, pixels.
        pixels: address of the first row; for NV12 of the luma.
        pitch: bytes from one row to the next.
        chroma: NV12: address of the first row of U and V in turn; 0 otherwise.
        chroma_pitch: NV12: bytes from one of those rows to the next.
        coding: NV12: what luma and chroma mean.
    """

    format: PixelFormat
    height: int
    width: int
    pixels: int
    pitch: int
    chroma: int = 0
    chroma_pitch: int = 0
    coding: YuvCoding = YuvCoding()  # noqa: RUF009 -- frozen, so one value may serve all

    def __post_init__(self) -> None:
        check_side("a frame", self.height, self.width)
        check_pitch("a frame", self.pitch, self.width * _BYTES_PER_PIXEL[self.format], self.height)
        if self.format != "nv12":
            return
        if not self.chroma:
            raise InvalidInput("an NV12 frame has no chroma", "Give the address of its U and V")
        if self.height % 2 or self.width % 2:
            raise InvalidInput(
                f"an NV12 frame is {self.width}x{self.height} pixels",
                "Its sides must be even: crop it, or have the pipeline convert it to BGRx",
            )
        check_pitch("NV12 chroma", self.chroma_pitch, self.width, self.height // 2)


@dataclass(frozen=True)
class DeviceInput:
    """The engine's input: (3, height, width) at `address`, contiguous.

    Attributes:
        address: in device memory.
        element: the engine's own type.
        scale: int8 alone: what one step stands for, amax / 127.
    """

    address: int
    element: Element
    scale: float = 1.0

    def __post_init__(self) -> None:
        if not self.scale > 0:
            raise InvalidInput(f"the input's scale is {self.scale}", "Give amax / 127, above 0")


@dataclass(frozen=True)
class DeviceImage:
    """A (height, width, 3) uint8 BGR image at `address`, its rows `pitch` bytes apart."""

    address: int
    pitch: int


def device_frame(frame: Frame, address: int) -> DeviceFrame:
    """Describes a frame whose bytes were copied to the device as they lie in its pixels.

    Args:
        frame: BGR or NV12.
        address: of its first byte in device memory; rows follow each other without gaps.
    """
    height, width = frame.height, frame.width
    if frame.format == "bgr":
        return DeviceFrame("bgr", height, width, address, 3 * width)
    chroma = address + height * width
    return DeviceFrame("nv12", height, width, address, width, chroma, width, frame.coding)


def preprocess_launch(
    frame: DeviceFrame, target: DeviceInput, spec: InputSpec, shown: Optional[DeviceImage] = None
) -> Launch:
    """The launch that takes a frame to the network's input.

    Args:
        frame: what to read.
        target: what to write, padding included.
        spec: size, geometry and normalisation of the input.
        shown: takes the frame as the network sees it, without padding, rounded to uint8; it has
            the size of `letterbox.place`. None where nobody draws an overlay.

    Raises:
        InvalidInput: a size or a pitch is out of bounds.
    """
    check_side("the network's input", spec.height, spec.width)
    placement = place(frame.height, frame.width, spec)
    if shown is not None:
        check_pitch("the shown image", shown.pitch, 3 * placement.width, placement.height)
    coding = frame.coding
    parameters = PreprocessParameters(
        pixels=frame.pixels,
        chroma=frame.chroma,
        input=target.address,
        image=0 if shown is None else shown.address,
        pitch=frame.pitch,
        chroma_pitch=frame.chroma_pitch,
        image_pitch=0 if shown is None else shown.pitch,
        source_height=frame.height,
        source_width=frame.width,
        height=spec.height,
        width=spec.width,
        top=placement.top,
        left=placement.left,
        shown_height=placement.height,
        shown_width=placement.width,
        element=ELEMENT_CODES[target.element],
        red_first=int(spec.colour_order == "rgb"),
        pad=spec.pad,
        mean=spec.mean,
        deviation=spec.std,
        scale=target.scale,
        luma_offset=coding.luma_offset,
        luma_gain=coding.luma_gain,
        red_from_v=coding.red_from_v,
        green_from_u=coding.green_from_u,
        green_from_v=coding.green_from_v,
        blue_from_u=coding.blue_from_u,
    )
    resampling = resampling_for((frame.height, frame.width), placement, spec)
    kernel = f"preprocess_{frame.format}_{resampling}"
    return block_of_tiles(kernel, (spec.height, spec.width), _TILE, parameters)
