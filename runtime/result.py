"""What a stream publishes about one frame; pictures are drawn of it when somebody looks."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from functools import cached_property
from typing import Callable, Dict, List, Mapping, Optional

import numpy as np

from runtime.codec import overlay_jpeg
from runtime.frame import Frame
from runtime.labels import LabelMap

OPACITY_STEP = 0.05
REMEMBERED_SECONDS = 1.0


class Demand:
    """Which opacities were asked for lately: who looked at one frame will look at the next.

    Args:
        clock: seconds on a steady clock.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._asked: Dict[float, float] = {}

    def note(self, opacity: float) -> None:
        """Somebody looks at this opacity."""
        self._asked[opacity] = self._clock()

    def lately(self) -> List[float]:
        """The opacities asked for within `REMEMBERED_SECONDS`."""
        oldest = self._clock() - REMEMBERED_SECONDS
        # Copied at once, for other threads note meanwhile.
        return [opacity for opacity, asked in list(self._asked.items()) if asked >= oldest]


@dataclass(frozen=True)
class Drawing:
    """How a stream's overlays are drawn.

    Attributes:
        opacity: of the mask's colours where nobody asks for another, 0 to 1.
        quality: of the JPEGs, 1 to 100.
        demand: remembers what was asked for.
    """

    opacity: float
    quality: int
    demand: Demand


class Overlays:
    """The JPEGs of one frame, one per opacity, each drawn once and shared by all who look.

    Args:
        picture: (height, width, 3) uint8 BGR, of the mask's size; not to be changed any more.
        labels: the mask.
        drawing: how.
    """

    def __init__(self, picture: np.ndarray, labels: LabelMap, drawing: Drawing) -> None:
        self.picture = picture
        self._labels = labels
        self._drawing = drawing
        self._lock = threading.Lock()
        self._drawn: Dict[float, bytes] = {}

    def jpeg(self, opacity: Optional[float] = None) -> bytes:
        """The picture under the mask's colours.

        Args:
            opacity: 0 (the picture alone) to 1 (the colours alone), rounded to steps of 5 % so that
                viewers can share; None for the stream's own, as it is.
        """
        steps = None if opacity is None else round(opacity / OPACITY_STEP)
        wanted = self._drawing.opacity if steps is None else steps * OPACITY_STEP
        self._drawing.demand.note(wanted)
        return self._once(wanted)

    def draw_ahead(self) -> None:
        """Draws what was asked for lately, so that viewers find it ready."""
        for opacity in self._drawing.demand.lately():
            self._once(opacity)

    def _once(self, opacity: float) -> bytes:
        with self._lock:
            if opacity not in self._drawn:
                self._drawn[opacity] = overlay_jpeg(
                    self.picture, self._labels, opacity, self._drawing.quality
                )
            return self._drawn[opacity]


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

    @cached_property
    def shares(self) -> np.ndarray:
        """Share of the mask of each class: (classes,) float64, summing to 1."""
        return self.labels.shares()
