"""Encoded pictures in, masks out: bounded decoding, and every form in which a mask can be had."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Callable, Dict, Optional

import cv2
import numpy as np
from typing_extensions import Protocol

from runtime.errors import InvalidInput, TooLarge, UnsupportedFormat
from runtime.frame import Frame
from runtime.labels import LabelMap
from runtime.masks import polygons_json, rle_json, statistics_json
from runtime.picture_header import PictureHeader, read_header
from runtime.png import palette_png

# The longest side that a JPEG written by libjpeg can have, so an overlay of every picture exists.
MAX_SIDE = 65_500
DEFAULT_FORMAT = "png"


@dataclass(frozen=True)
class ImageLimits:
    """What a picture may cost. Decoding takes 3 bytes per pixel, 6 where EXIF turns it.

    Attributes:
        max_bytes: size of the file.
        max_pixels: width x height.
    """

    max_bytes: int
    max_pixels: int

    def __post_init__(self) -> None:
        if self.max_bytes < 1 or self.max_pixels < 1:
            raise InvalidInput(f"{self} lets no picture through", "Use limits above 0")


@dataclass(frozen=True)
class EncodeOptions:
    """How a mask is written; each format uses what concerns it.

    Attributes:
        opacity: how much the mask's colour covers the picture, 0 to 1 (overlay).
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
        """The mask, of the frame's or the picture's size."""

    @property
    def picture(self) -> np.ndarray:
        """(height, width, 3) uint8 BGR, the frame as the model saw it."""

    @property
    def frame(self) -> Frame:
        """What was segmented."""


@dataclass(frozen=True)
class Encoder:
    """One form of a mask: its media type, and the function that writes it."""

    media_type: str
    encode: Callable[[Segmented, EncodeOptions], bytes]


def decode_image(data: bytes, limits: ImageLimits) -> np.ndarray:
    """The picture in `data`: (height, width, 3) uint8 BGR.

    JPEG, PNG and WebP, told by their first bytes; nothing else reaches a decoder. The size is
    judged on the header, so a picture beyond the limits costs no memory. The picture is turned
    upright as its EXIF orientation says, as browsers show it. Grey becomes three equal channels,
    16 bits keep their upper 8, an alpha channel is dropped and the colours under it are kept; of an
    animation the first picture is used.

    Raises:
        UnsupportedFormat: the bytes are of no such format.
        TooLarge: more bytes or pixels than the limits allow.
        InvalidInput: empty, truncated or damaged.
    """
    if not data:
        raise InvalidInput("the picture is empty", "Send the bytes of a JPEG, PNG or WebP file")
    if len(data) > limits.max_bytes:
        raise TooLarge(
            f"the picture has {len(data)} bytes, {limits.max_bytes} are allowed",
            "Send a smaller or more compressed picture",
        )
    header = read_header(data)
    _check_header(header, limits)
    try:
        pixels = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    except cv2.error as error:
        raise _damaged(header) from error
    # Nothing may come out of the decoder that the header did not announce.
    if pixels is None or sorted(pixels.shape[:2]) != sorted((header.height, header.width)):
        raise _damaged(header)
    return pixels


def _check_header(header: PictureHeader, limits: ImageLimits) -> None:
    size = f"{header.width} x {header.height} pixels"
    if header.width * header.height > limits.max_pixels:
        raise TooLarge(
            f"the {header.kind} claims {size}, {limits.max_pixels} pixels are allowed",
            "Scale it down before sending it",
        )
    if max(header.width, header.height) > MAX_SIDE:
        raise TooLarge(
            f"the {header.kind} claims {size}, a side may have {MAX_SIDE}", "Cut it into pieces"
        )
    if not header.complete:
        raise InvalidInput(f"the {header.kind} of {size} is truncated", "Send the whole file")


def _damaged(header: PictureHeader) -> InvalidInput:
    return InvalidInput(
        f"the {header.kind} of {header.width} x {header.height} pixels is damaged",
        "Send a sound file; one that a browser shows in full is",
    )


def jpeg(picture: np.ndarray, quality: int) -> bytes:
    """A (height, width, 3) uint8 BGR picture as a JPEG of `quality` 1 to 100."""
    done, data = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, quality])
    if not done:
        raise InvalidInput(
            f"a picture of shape {picture.shape} cannot become a JPEG",
            f"Use sides of at most {MAX_SIDE} pixels",
        )
    return data.tobytes()


def blend(picture: np.ndarray, labels: LabelMap, opacity: float) -> np.ndarray:
    """The mask's colours over the picture: (height, width, 3) uint8 BGR, a new array.

    Args:
        picture: (height, width, 3) uint8 BGR, of the mask's size.
        labels: the mask.
        opacity: 0 shows the picture alone, 1 the colours alone.

    Raises:
        InvalidInput: the sizes differ.
    """
    if picture.shape[:2] != labels.labels.shape:
        raise InvalidInput(
            f"the mask has {labels.width} x {labels.height} pixels and the picture "
            f"{picture.shape[1]} x {picture.shape[0]}",
            "Blend a mask with a picture of its own size",
        )
    table = np.ascontiguousarray(labels.classes.colours()[:, np.newaxis, ::-1])
    colours = cv2.applyColorMap(labels.labels, table)
    return cv2.addWeighted(colours, opacity, picture, 1 - opacity, 0, dst=colours)


def overlay_jpeg(picture: np.ndarray, labels: LabelMap, opacity: float, quality: int) -> bytes:
    """`blend` as a JPEG of `quality` 1 to 100."""
    return jpeg(blend(picture, labels, opacity), quality)


def _overlay(segmented: Segmented, options: EncodeOptions) -> bytes:
    pixels = segmented.frame.pixels
    of_frame_size = pixels.shape[:2] == segmented.labels.labels.shape
    picture = pixels if of_frame_size else segmented.picture
    return overlay_jpeg(picture, segmented.labels, options.opacity, options.quality)


# Where a media type has several formats, the first is what `Accept` alone gives.
FORMATS: Dict[str, Encoder] = {
    "png": Encoder("image/png", lambda s, _: palette_png(s.labels)),
    "overlay": Encoder("image/jpeg", _overlay),
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
