"""The frame into an engine's uint8 input buffer, with OpenCV and without copies."""

from __future__ import annotations

from typing import Dict, Final

import cv2
import numpy as np

from runtime.image.frame import Frame
from runtime.image.nv12 import bgr_from_planes, planes
from runtime.inference.letterbox import Placement
from runtime.inference.preprocess.reference import resampling_for
from runtime.repository.manifest import InputSpec, Resampling

_INTERPOLATION: Final[Dict[Resampling, int]] = {
    "bilinear": cv2.INTER_LINEAR,
    "area": cv2.INTER_AREA,
}


def frame_into(frame: Frame, out: np.ndarray, placement: Placement, spec: InputSpec) -> None:
    """Writes a frame into its rectangle of the input and the padding colour around it.

    BGR as `resize_into` does. NV12 within three steps of 255 of `reference.fitted_nv12`: its planes
    are brought to the rectangle's size each by itself, so only what the network sees is converted.

    Args:
        frame: of any size and format.
        out: (spec.height, spec.width, 3) uint8 BGR, overwritten as a whole.
        placement: the rectangle, from `letterbox.place`.
        spec: whose padding colour to use.
    """
    if frame.format == "bgr":
        resize_into(frame.pixels, out, placement, spec)
        return
    _pad_around(out, placement, spec)
    method = _INTERPOLATION[resampling_for((frame.height, frame.width), placement, spec)]
    size = (placement.width, placement.height)
    luma, chroma = (cv2.resize(plane, size, interpolation=method) for plane in planes(frame.pixels))
    bgr_from_planes(luma, chroma, frame.coding, out[placement.rows, placement.columns])


def resize_into(pixels: np.ndarray, out: np.ndarray, placement: Placement, spec: InputSpec) -> None:
    """Writes the frame into its rectangle of the input and the padding colour around it.

    Within one step of 255 of `reference.fitted`. OpenCV's bilinear arithmetic for uint8 is fixed
    point and differs by that much between processors; its bit-exact variant is five times slower.

    Args:
        pixels: (height, width, 3) uint8 BGR of any size.
        out: (spec.height, spec.width, 3) uint8 BGR, overwritten as a whole.
        placement: the rectangle, from `letterbox.place`.
        spec: whose padding colour to use.
    """
    _pad_around(out, placement, spec)
    shown = out[placement.rows, placement.columns]
    if pixels.shape == shown.shape:
        np.copyto(shown, pixels)
    else:
        resampling = resampling_for((pixels.shape[0], pixels.shape[1]), placement, spec)
        size, method = (placement.width, placement.height), _INTERPOLATION[resampling]
        cv2.resize(pixels, size, dst=shown, interpolation=method)


def _pad_around(out: np.ndarray, placement: Placement, spec: InputSpec) -> None:
    strips = (
        out[: placement.top],
        out[placement.rows.stop :],
        out[placement.rows, : placement.left],
        out[placement.rows, placement.columns.stop :],
    )
    for strip in strips:
        height, width = strip.shape[:2]
        if height and width:
            # Assigning a colour in numpy writes pixel by pixel, forty times slower.
            cv2.rectangle(strip, (0, 0), (width - 1, height - 1), spec.pad_bgr, cv2.FILLED)
