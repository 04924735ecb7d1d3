"""Every form in which a mask can be had, and which of them a client gets."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Callable, Dict, Optional

import numpy as np
from typing_extensions import Protocol

from runtime.errors import InvalidInput, UnsupportedFormat
from runtime.image.codec import jpeg, overlay_jpeg
from runtime.image.frame import Frame
from runtime.image.label_map import LabelMap
from runtime.image.label_png import palette_png
from runtime.image.mask_json import polygons_json, rle_json, statistics_json
from runtime.image.nv12 import bgr_of

DEFAULT_FORMAT = "png"


@dataclass(frozen=True)
class EncodeOptions:
    """How a mask is written; each format uses what concerns it.

    Attributes:
        opacity: how much the mask's colour covers the image, 0 to 1 (overlay).
        quality: JPEG quality, 1 to 100 (overlay).
        epsilon: simplification of outlines, in pixels of the mask, 0 for exact ones (polygons).
    """

    opacity: float = 0.5
    quality: int = 80
    epsilon: float = 1.0

    def __post_init__(self) -> None:
        bounds = {"opacity": (0, 1), "quality": (1, 100), "epsilon": (0, 1000)}
        for name, (low, high) in bounds.items():
            value = getattr(self, name)
            if not low <= value <= high:
                raise InvalidInput(f"{name} is {value}", f"Use a number from {low} to {high}")


class Segmented(Protocol):
    """What the encoders need of a segmentation."""

    @property
    def labels(self) -> LabelMap:
        """The mask, of the frame's or the image's size."""

    @property
    def image(self) -> np.ndarray:
        """(height, width, 3) uint8 BGR, the frame as the model saw it."""

    def drawn(self, opacity: float) -> Optional[np.ndarray]:
        """`image` under the mask's colours where a device drew it so, else None.

        It may differ by one step of 255 from what `codec.blend` draws.
        """

    @property
    def frame(self) -> Frame:
        """What was segmented."""


@dataclass(frozen=True)
class Encoder:
    """One form of a mask.

    Attributes:
        media_type: what the bytes are.
        encode: writes them.
        draws: whether the image is in it too.
    """

    media_type: str
    encode: Callable[[Segmented, EncodeOptions], bytes]
    draws: bool = False


def _overlay(segmented: Segmented, options: EncodeOptions) -> bytes:
    drawn = segmented.drawn(options.opacity)
    if drawn is not None and drawn.shape[:2] == segmented.labels.labels.shape:
        return jpeg(drawn, options.quality)
    frame, labels = segmented.frame, segmented.labels
    of_frame_size = (frame.height, frame.width) == (labels.height, labels.width)
    image = bgr_of(frame) if of_frame_size else segmented.image
    return overlay_jpeg(image, labels, options.opacity, options.quality)


# Where a media type has several formats, the first is what `Accept` alone gives.
FORMATS: Dict[str, Encoder] = {
    "png": Encoder("image/png", lambda s, _: palette_png(s.labels)),
    "overlay": Encoder("image/jpeg", _overlay, draws=True),
    "raw": Encoder("application/octet-stream", lambda s, _: s.labels.labels.tobytes()),
    "json": Encoder("application/json", lambda s, _: statistics_json(s.labels, s.frame)),
    "rle": Encoder("application/json", lambda s, _: rle_json(s.labels, s.frame)),
    "polygons": Encoder(
        "application/json", lambda s, o: polygons_json(s.labels, s.frame, o.epsilon)
    ),
}


def format_for(accept: Optional[str], name: Optional[str]) -> str:
    """The format of an answer, by name or else by the client's preferences (RFC 9110, 12.5.1).

    Args:
        accept: the `Accept` header, or None.
        name: what the query asked for, or None; it wins over `accept`.

    Returns:
        A key of FORMATS; "png" where the client has no preference.

    Raises:
        UnsupportedFormat: there is no such name, or nothing that the client accepts.
    """
    if name is not None:
        if name not in FORMATS:
            known = ", ".join(FORMATS)
            raise UnsupportedFormat(f"there is no format {name!r}", f"Use one of {known}")
        return name
    if accept is None or not accept.strip():
        return DEFAULT_FORMAT
    ranges = _accepted(accept)
    # max keeps the first of equals, and FORMATS begins with the default.
    best = max(FORMATS, key=lambda key: _weight(FORMATS[key].media_type, ranges))
    if _weight(FORMATS[best].media_type, ranges) > 0:
        return best
    offered = ", ".join(dict.fromkeys(encoder.media_type for encoder in FORMATS.values()))
    raise UnsupportedFormat(f"no mask can be had as {accept!r}", f"Accept one of {offered}")


def _accepted(accept: str) -> Dict[str, float]:
    """Media ranges and their weights; a weight that is no number from 0 to 1 counts as 0."""
    ranges: Dict[str, float] = {}
    for entry in accept.lower().split(","):
        media_range, *parameters = (part.strip() for part in entry.split(";"))
        weight = 1.0
        for parameter in parameters:
            if parameter.startswith("q="):
                number = parameter[2:].strip()
                weight = float(number) if number.replace(".", "", 1).isdecimal() else 0.0
        ranges[media_range] = weight if weight <= 1 else 0.0
    return ranges


def _weight(media_type: str, ranges: Dict[str, float]) -> float:
    """The weight of the most specific range that covers the media type."""
    for media_range in (media_type, media_type.split("/", maxsplit=1)[0] + "/*", "*/*"):
        if media_range in ranges:
            return ranges[media_range]
    return 0.0
