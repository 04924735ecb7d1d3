"""The canary: an image whose mask is known, which tells a working engine from a broken one."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Optional

import numpy as np

from runtime.errors import InvalidInput
from runtime.image.codec import ImageLimits, decode_image
from runtime.image.frame import Frame
from runtime.image.label_map import LabelMap
from runtime.image.label_png import ids_from_png
from runtime.inference.engine import MaskSize, SegmentOptions
from runtime.inference.segmenter import Segmenter
from runtime.repository.engine_folder import EngineFolder


@dataclass(frozen=True)
class Canary:
    """An image and the mask the engine gave when it was built and measured.

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
        """Share of pixels, 0 to 1, that the engine labels as it should.

        Raises:
            InvalidInput: the known mask has neither size.
        """
        wanted = SegmentOptions(self.mask_size)
        labels = segmenter.segment(self.frame, wanted).labels.labels
        if labels.shape != self.labels.labels.shape:
            raise InvalidInput(
                f"the known mask is {self.labels.labels.shape}, the engine's is {labels.shape}",
                "Rebuild the engine folder",
            )
        return float(np.mean(labels == self.labels.labels))


CANARY_PIXELS = 64_000_000


def canary_of(folder: EngineFolder) -> Optional[Canary]:
    """The engine folder's image with a known answer, or None.

    Raises:
        EngineRefused: the files are not what the manifest says.
    """
    canary, paths = folder.manifest.canary, folder.canary()
    if canary is None or paths is None:
        return None
    image, labels = (path.read_bytes() for path in paths)
    pixels = decode_image(image, ImageLimits(len(image), CANARY_PIXELS))
    classes = folder.manifest.classes.to_classes()
    return Canary(
        Frame(pixels, number=0, captured_at=time.time(), source="known image"),
        LabelMap(ids_from_png(labels), classes),
        canary.minimum_agreement,
    )
