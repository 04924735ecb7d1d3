"""What a stream publishes about one frame; images are drawn of it when somebody looks."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from functools import cached_property
from typing import Callable, Dict, List, Mapping, Optional

import numpy as np

from runtime.image.codec import jpeg, overlay_jpeg
from runtime.image.frame import Frame
from runtime.image.label_map import LabelMap

OPACITY_STEP = 0.05
REMEMBERED_SECONDS = 1.0

Drawn = Callable[[float], Optional[np.ndarray]]
"""What a device drew with an opacity: (height, width, 3) uint8 BGR of the mask's size, or None."""


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

    def foremost(self) -> Optional[float]:
        """The one opacity that a device had best draw; None where nobody looked lately.

        The stream's own if that was looked at, for most viewers ask for none; else whichever was
        asked for first, so that two viewers do not make it change from frame to frame.
        """
        lately = self.demand.lately()
        return self.opacity if self.opacity in lately else next(iter(lately), None)


class Overlays:
    """The JPEGs of one frame, one per opacity, each drawn once and shared by all who look.

    Args:
        image: (height, width, 3) uint8 BGR, of the mask's size; not to be changed any more.
        labels: the mask.
        drawing: how.
    """

    def __init__(self, image: np.ndarray, labels: LabelMap, drawing: Drawing) -> None:
        self.image = image
        self._labels = labels
        self._drawing = drawing
        self._lock = threading.Lock()
        self._drawn: Dict[float, bytes] = {}

    def jpeg(self, opacity: Optional[float] = None) -> bytes:
        """The image under the mask's colours.

        Args:
            opacity: 0 (the image alone) to 1 (the colours alone), rounded to steps of 5 % so that
                viewers can share; None for the stream's own, as it is.
        """
        steps = None if opacity is None else round(opacity / OPACITY_STEP)
        wanted = self._drawing.opacity if steps is None else steps * OPACITY_STEP
        self._drawing.demand.note(wanted)
        return self._once(wanted)

    def draw_ahead(self, drawn: Drawn) -> None:
        """Draws what was asked for lately, so that viewers find it ready.

        Args:
            drawn: asked before anything is drawn here. A device rounds for itself: its overlay may
                differ from one of `codec.blend` by one step of 255.
        """
        for opacity in self._drawing.demand.lately():
            self._once(opacity, drawn(opacity))

    def _once(self, opacity: float, overlay: Optional[np.ndarray] = None) -> bytes:
        with self._lock:
            if opacity not in self._drawn:
                self._drawn[opacity] = self._encoded(opacity, overlay)
            return self._drawn[opacity]

    def _encoded(self, opacity: float, overlay: Optional[np.ndarray]) -> bytes:
        quality = self._drawing.quality
        if overlay is None:
            return overlay_jpeg(self.image, self._labels, opacity, quality)
        return jpeg(overlay, quality)


@dataclass(frozen=True)
class StreamResult:
    """One frame of a stream, segmented. Every encoder of mask_formats.FORMATS takes it.

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
    def image(self) -> np.ndarray:
        """(height, width, 3) uint8 BGR, of the mask's size: the frame as the model saw it."""
        return self.overlays.image

    def drawn(self, opacity: float) -> Optional[np.ndarray]:
        """None: what a device drew is a JPEG by now, and its buffer another frame's."""
        return None

    @cached_property
    def shares(self) -> np.ndarray:
        """Share of the mask of each class: (classes,) float64, summing to 1."""
        return self.labels.shares()
