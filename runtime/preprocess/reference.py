"""The network's input, defined: float32, one operation after the other.

1. Resample the frame to its rectangle of the input (`bilinear`), channel by channel, unrounded.
2. Fill what is outside the rectangle with the padding colour.
3. Put the channels into the network's order, take the mean off, divide by the deviation.
4. Turn to planar.

Fast paths hold the picture in uint8 between steps 2 and 3 and may differ from it by one step of 255
there; calibration, evaluation and every other engine are compared with what is written here.
"""

from __future__ import annotations

import numpy as np

from runtime.bilinear import interpolate, taps
from runtime.geometry import place
from runtime.manifest import InputSpec


def fitted(pixels: np.ndarray, spec: InputSpec) -> np.ndarray:
    """The frame as the network sees it, before normalising: steps 1 and 2.

    Args:
        pixels: (height, width, 3) uint8 BGR of any size.
        spec: size, geometry and padding of the input.

    Returns:
        (spec.height, spec.width, 3) float32 BGR, 0 to 255, unrounded.
    """
    height, width = pixels.shape[:2]
    placement = place(height, width, spec)
    rows, columns = taps(height, placement.height), taps(width, placement.width)
    image = np.empty((spec.height, spec.width, 3), np.float32)
    image[...] = spec.pad_bgr
    for channel in range(3):
        plane = pixels[..., channel].astype(np.float32)
        image[placement.rows, placement.columns, channel] = interpolate(plane, rows, columns)
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


def network_input(pixels: np.ndarray, spec: InputSpec) -> np.ndarray:
    """All four steps: from a (height, width, 3) uint8 BGR frame to (1, 3, H, W) float32."""
    return normalised(fitted(pixels, spec), spec)
