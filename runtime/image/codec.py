"""Encoded images: bounded decoding of what comes in, JPEGs and overlays for what goes out."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from runtime.errors import InvalidInput, TooLarge
from runtime.image.header import ImageHeader, read_header
from runtime.image.label_map import LabelMap

# The longest side that a JPEG written by libjpeg can have, so an overlay of every image exists.
MAX_SIDE = 65_500


@dataclass(frozen=True)
class ImageLimits:
    """What an image may cost. Decoding takes 3 bytes per pixel, 6 where EXIF turns it.

    Attributes:
        max_bytes: size of the file.
        max_pixels: width x height.
    """

    max_bytes: int
    max_pixels: int

    def __post_init__(self) -> None:
        if self.max_bytes < 1 or self.max_pixels < 1:
            raise InvalidInput(f"{self} lets no image through", "Use limits above 0")


def decode_image(data: bytes, limits: ImageLimits) -> np.ndarray:
    """The image in `data`: (height, width, 3) uint8 BGR.

    JPEG, PNG and WebP, told by their first bytes; nothing else reaches a decoder. The size is
    judged on the header, so an image beyond the limits costs no memory. The image is turned
    upright as its EXIF orientation says, as browsers show it. Grey becomes three equal channels,
    16 bits keep their upper 8, an alpha channel is dropped and the colours under it are kept; of an
    animation the first image is used.

    Raises:
        UnsupportedFormat: the bytes are of no such format.
        TooLarge: more bytes or pixels than the limits allow.
        InvalidInput: empty, truncated or damaged.
    """
    if not data:
        raise InvalidInput("the image is empty", "Send the bytes of a JPEG, PNG or WebP file")
    if len(data) > limits.max_bytes:
        raise TooLarge(
            f"the image has {len(data)} bytes, {limits.max_bytes} are allowed",
            "Send a smaller or more compressed image",
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


def _check_header(header: ImageHeader, limits: ImageLimits) -> None:
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


def _damaged(header: ImageHeader) -> InvalidInput:
    return InvalidInput(
        f"the {header.kind} of {header.width} x {header.height} pixels is damaged",
        "Send a sound file; one that a browser shows in full is",
    )


def jpeg(image: np.ndarray, quality: int) -> bytes:
    """A (height, width, 3) uint8 BGR image as a JPEG of `quality` 1 to 100."""
    done, data = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, quality])
    if not done:
        raise InvalidInput(
            f"an image of shape {image.shape} cannot become a JPEG",
            f"Use sides of at most {MAX_SIDE} pixels",
        )
    return data.tobytes()


def blend(image: np.ndarray, labels: LabelMap, opacity: float) -> np.ndarray:
    """The mask's colours over the image: (height, width, 3) uint8 BGR, a new array.

    Args:
        image: (height, width, 3) uint8 BGR, of the mask's size.
        labels: the mask.
        opacity: 0 shows the image alone, 1 the colours alone.

    Raises:
        InvalidInput: the sizes differ.
    """
    if image.shape[:2] != labels.labels.shape:
        raise InvalidInput(
            f"the mask has {labels.width} x {labels.height} pixels and the image "
            f"{image.shape[1]} x {image.shape[0]}",
            "Blend a mask with an image of its own size",
        )
    table = np.ascontiguousarray(labels.classes.colours()[:, np.newaxis, ::-1])
    colours = cv2.applyColorMap(labels.labels, table)
    return cv2.addWeighted(colours, opacity, image, 1 - opacity, 0, dst=colours)


def overlay_jpeg(image: np.ndarray, labels: LabelMap, opacity: float, quality: int) -> bytes:
    """`blend` as a JPEG of `quality` 1 to 100."""
    return jpeg(blend(image, labels, opacity), quality)
