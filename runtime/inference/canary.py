"""The canary: an image with a known mask, which tells a working engine from a broken one.

It lies in the engine folder since the engine was built and measured. The daemon shows it to the
engine before it serves and now and then afterwards; `runtime doctor --run` shows it once.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Final, Optional

import numpy as np

from runtime.errors import InvalidInput
from runtime.image.codec import ImageLimits, decode_image
from runtime.image.frame import Frame
from runtime.image.label_map import LabelMap
from runtime.image.label_png import ids_from_png
from runtime.inference.engine import MaskSize, SegmentOptions
from runtime.inference.segmenter import Segmenter
from runtime.repository.engine_folder import EngineFolder

MAX_PIXELS: Final = 64_000_000
"""Of a canary: more than any camera gives, and still decoded in no time."""


@dataclass(frozen=True)
class Canary:
    """An image and the mask that the engine gave when it was built and measured.

    Attributes:
        frame: the image.
        labels: its mask, of the frame's or of the model's size.
        minimum_agreement: share of equal pixels below which the engine is not trusted, 0 to 1.
    """

    frame: Frame
    labels: LabelMap
    minimum_agreement: float

    @property
    def mask_size(self) -> MaskSize:
        """The size at which masks are compared."""
        shape = (self.frame.height, self.frame.width)
        return "frame" if self.labels.labels.shape == shape else "model"

    def agreement(self, segmenter: Segmenter) -> float:
        """Segments the image; returns the share of pixels, 0 to 1, labelled as in the known mask.

        Args:
            segmenter: as the engine is served with, see `segmenters_of`.

        Raises:
            InvalidInput: the known mask has neither the frame's nor the model's size.
            EngineFailed: the engine did not compute.
        """
        labels = segmenter.segment(self.frame, SegmentOptions(self.mask_size)).labels.labels
        if labels.shape != self.labels.labels.shape:
            raise InvalidInput(
                f"the canary's mask is {self.labels.labels.shape}, the engine's is {labels.shape}",
                "Rebuild the engine folder",
            )
        return float(np.mean(labels == self.labels.labels))


def read_canary(folder: EngineFolder) -> Optional[Canary]:
    """Reads an engine folder's canary; None where the folder has none.

    Raises:
        EngineRefused: the files are not what the manifest says.
        InvalidInput: the image or the mask cannot be decoded.
    """
    canary, paths = folder.manifest.canary, folder.canary()
    if canary is None or paths is None:
        return None
    image, labels = (path.read_bytes() for path in paths)
    pixels = decode_image(image, ImageLimits(len(image), MAX_PIXELS))
    classes = folder.manifest.classes.to_classes()
    return Canary(
        Frame(pixels, number=0, captured_at=time.time(), source="canary"),
        LabelMap(ids_from_png(labels), classes),
        canary.minimum_agreement,
    )
