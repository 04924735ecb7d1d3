"""Encoded images: bounded decoding of what comes in, JPEGs and overlays for what goes out."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from runtime.errors import InvalidInput, TooLarge
from runtime.image.header import ImageHeader, read_header
from runtime.image.jpeg_decoder import decode_jpeg
from runtime.image.label_map import LabelMap
from runtime.image.png_chunks import sound_chunks

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


OWN_FILES = ImageLimits(max_bytes=1 << 30, max_pixels=1 << 28)
"""What an image on one's own disk may cost: more than one that comes over the network."""


def decode_image(data: bytes, limits: ImageLimits) -> np.ndarray:
    """The image in `data`, read whole: (height, width, 3) uint8 BGR.

    JPEG, PNG and WebP, told by their first bytes; nothing else reaches a decoder. The size is
    judged on the header, so an image beyond the limits costs no memory. The image is turned
    upright as its EXIF orientation says, as browsers show it. Grey becomes three equal channels,
    16 bits keep their upper 8, an alpha channel is dropped and the colours under it are kept; of an
    animation the first image is used.

    Raises:
        UnsupportedFormat: the bytes are of no such format.
        TooLarge: more bytes or pixels than the limits allow.
        InvalidInput: empty, truncated, or damaged in any way that its decoder noticed.
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
        pixels = decode_jpeg(data) if header.kind == "JPEG" else _png_or_webp(data, header)
    except ValueError as damage:
        raise _damaged(header, f": {damage}") from damage
    # Nothing may come out of the decoder that the header did not announce.
    if sorted(pixels.shape[:2]) != sorted((header.height, header.width)):
        raise _damaged(header)
    return pixels


def decode_file(path: Path, limits: ImageLimits = OWN_FILES) -> np.ndarray:
    """The image in a file, as `decode_image` reads it: (height, width, 3) uint8 BGR.

    Raises:
        InvalidInput: there is no such file, it cannot be read, or what `decode_image` raises; the
            file is named.
    """
    if not path.is_file():
        what = "is no file but a folder or a pipe" if path.exists() else "does not exist"
        raise InvalidInput(f"image {path} {what}", "Name a file with an image in it")
    try:
        return decode_image(path.read_bytes(), limits)
    except OSError as error:
        raise InvalidInput(
            f"{path}: it cannot be read: {error.strerror}", "Give this user the right to read it"
        ) from error
    except InvalidInput as fault:
        raise type(fault)(f"{path}: {fault.problem}", fault.cure) from fault


def _png_or_webp(data: bytes, header: ImageHeader) -> np.ndarray:
    """Raises ValueError for what is damaged."""
    if header.kind == "PNG":
        # libpng only warns of a wrong checksum outside of the pixels, and goes on without the
        # chunk: the image could lose its orientation.
        for _ in sound_chunks(data):
            continue
    try:
        pixels = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    except cv2.error as error:
        raise ValueError("its decoder gave up") from error
    if pixels is None:
        raise ValueError("its decoder gave up")
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


def _damaged(header: ImageHeader, what: str = "") -> InvalidInput:
    return InvalidInput(
        f"the {header.kind} of {header.width} x {header.height} pixels is damaged{what}",
        "Replace it by the file as it was made, or save it anew if what a viewer shows is right",
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
