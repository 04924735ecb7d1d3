"""What a stream publishes about one frame; pictures are drawn of it when somebody looks."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import Dict, Mapping, Optional

import numpy as np

from runtime.codec import overlay_jpeg
from runtime.frame import Frame
from runtime.labels import LabelMap

OPACITY_STEPS = 20


class Overlays:
    """The JPEGs of one frame, one per opacity, each drawn once and shared by all who look.

    Args:
        picture: (height, width, 3) uint8 BGR, of the mask's size; not to be changed any more.
        labels: the mask.
        opacity: what viewers get who ask for none, 0 (the bare picture) to 1 (the bare mask).
        quality: of the JPEG, 1 to 100.
    """

    def __init__(self, picture: np.ndarray, labels: LabelMap, opacity: float, quality: int) -> None:
        self.picture = picture
        self._labels = labels
        self._opacity = opacity
        self._quality = quality
        self._lock = threading.Lock()
        self._drawn: Dict[float, bytes] = {}

    def jpeg(self, opacity: Optional[float] = None) -> bytes:
        """The picture under the mask's colours.

        Args:
            opacity: 0 to 1, rounded to steps of 5 % so that viewers can share; None for the
                stream's own, as it is.
        """
        wanted = (
            self._opacity if opacity is None else round(opacity * OPACITY_STEPS) / OPACITY_STEPS
        )
        with self._lock:
            if wanted not in self._drawn:
                self._drawn[wanted] = overlay_jpeg(
                    self.picture, self._labels, wanted, self._quality
                )
            return self._drawn[wanted]


@dataclass(frozen=True)
class StreamResult:
    """One frame of a stream, segmented. Every encoder of codec.FORMATS takes it.

    Attributes:
        frame: what was segmented. Its number only grows, also across reconnections, and
            `captured_at` is when it was captured.
        labels: the mask, at the model's size without padding.
        overlays: the frame under its mask, drawn when asked for.
        timings: seconds of each stage: preprocess, infer, postprocess, encode.
        published_at: when the mask was published, seconds since the epoch.
    """

    frame: Frame
    labels: LabelMap
    overlays: Overlays
    timings: Mapping[str, float]
    published_at: float

    @property
    def picture(self) -> np.ndarray:
        """(height, width, 3) uint8 BGR, of the mask's size: the frame as the model saw it."""
        return self.overlays.picture
