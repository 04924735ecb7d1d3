"""The network's input, defined: float32, one operation after the other.

1. Resample the frame to its rectangle of the input (`bilinear` or `area`), channel by channel,
   unrounded.
2. Fill what is outside the rectangle with the padding colour.
3. Put the channels into the network's order, take the mean off, divide by the deviation.
4. Turn to planar; for an engine with an int8 input, round to whole steps.

Fast paths hold the image in uint8 between steps 2 and 3 and may differ from it by one step of 255
there; calibration, evaluation and every other engine are compared with what is written here.
"""

from __future__ import annotations

from typing import Tuple

import numpy as np

from runtime.image.resample import footprints, interpolate, reduce_area, taps
from runtime.image.yuv import YuvCoding, bgr_from_yuv
from runtime.inference.letterbox import Placement, place
from runtime.repository.manifest import InputSpec, Resampling

Size = Tuple[int, int]


def resampling_for(size: Size, placement: Placement, spec: InputSpec) -> Resampling:
    """How a frame is resampled.

    What the input asks for; but a mean over less than a pixel would repeat pixels, so area gives
    way to bilinear where a side grows.

    Args:
        size: height and width of the frame, pixels.
        placement: its rectangle in the input.
        spec: says which resampling the network wants.
    """
    grows = placement.height > size[0] or placement.width > size[1]
    return "bilinear" if grows else spec.resampling


def resampled(plane: np.ndarray, placement: Placement, resampling: Resampling) -> np.ndarray:
    """One channel at the size of its rectangle.

    Args:
        plane: (height, width) uint8.
        placement: the rectangle.
        resampling: as `resampling_for` gave it.

    Returns:
        (placement.height, placement.width) float32, 0 to 255, unrounded.
    """
    height, width = plane.shape
    source = plane.astype(np.float32)
    if resampling == "area":
        rows, columns = footprints(height, placement.height), footprints(width, placement.width)
        return reduce_area(source, rows, columns)
    return interpolate(source, taps(height, placement.height), taps(width, placement.width))


def fitted(pixels: np.ndarray, spec: InputSpec) -> np.ndarray:
    """The frame as the network sees it, before normalising: steps 1 and 2.

    Args:
        pixels: (height, width, 3) uint8 BGR of any size.
        spec: size, geometry and padding of the input.

    Returns:
        (spec.height, spec.width, 3) float32 BGR, 0 to 255, unrounded.
    """
    size = (pixels.shape[0], pixels.shape[1])
    placement = place(*size, spec)
    resampling = resampling_for(size, placement, spec)
    channels = [resampled(pixels[..., n], placement, resampling) for n in range(3)]
    return _padded(np.stack(channels, axis=-1), placement, spec)


def fitted_nv12(
    luma: np.ndarray, chroma: np.ndarray, coding: YuvCoding, spec: InputSpec
) -> np.ndarray:
    """An NV12 frame as the network sees it, before normalising; see `yuv`.

    Args:
        luma: (height, width) uint8, both even.
        chroma: (height / 2, width / 2, 2) uint8, U and V.
        coding: what they mean.
        spec: size, geometry and padding of the input.

    Returns:
        (spec.height, spec.width, 3) float32 BGR, 0 to 255, unrounded.
    """
    size = (luma.shape[0], luma.shape[1])
    placement = place(*size, spec)
    resampling = resampling_for(size, placement, spec)
    planes = (luma, chroma[..., 0], chroma[..., 1])
    y, u, v = (resampled(plane, placement, resampling) for plane in planes)
    return _padded(bgr_from_yuv(y, u, v, coding), placement, spec)


def _padded(shown: np.ndarray, placement: Placement, spec: InputSpec) -> np.ndarray:
    image = np.empty((spec.height, spec.width, 3), np.float32)
    image[...] = spec.pad_bgr
    image[placement.rows, placement.columns] = shown
    return image


def normalised(image: np.ndarray, spec: InputSpec) -> np.ndarray:
    """What the graph takes: steps 3 and 4.

    Args:
        image: (height, width, 3) BGR, uint8 or float32, 0 to 255.
        spec: colour order, mean and deviation.

    Returns:
        (1, 3, height, width) float32, (value - mean) / std.
    """
    ordered = image[..., ::-1] if spec.colour_order == "rgb" else image
    scaled = ordered.astype(np.float32)
    scaled -= np.array(spec.mean, np.float32)
    scaled /= np.array(spec.std, np.float32)
    return np.ascontiguousarray(scaled.transpose(2, 0, 1))[None]


def quantized(planar: np.ndarray, scale: float) -> np.ndarray:
    """What a graph with an int8 input takes: whole steps, half to even, -128 to 127.

    Args:
        planar: (1, 3, height, width) float32, normalised.
        scale: what one step stands for, amax / 127.

    Returns:
        int8 of the same shape.
    """
    steps = np.rint(planar / np.float32(scale))
    clipped: np.ndarray = np.clip(steps, -128, 127).astype(np.int8)
    return clipped


def network_input(pixels: np.ndarray, spec: InputSpec) -> np.ndarray:
    """All four steps, from a frame to what the graph takes.

    Args:
        pixels: (height, width, 3) uint8 BGR of any size.
        spec: size, geometry and normalisation of the input.

    Returns:
        (1, 3, spec.height, spec.width) float32.
    """
    return normalised(fitted(pixels, spec), spec)
