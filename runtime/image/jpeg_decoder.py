"""JPEG to pixels, whole or not at all.

libjpeg reads on over damage: it warns on standard error, fills the rest with grey, and OpenCV hands
that out as an image. simplejpeg asks the same library through TurboJPEG, whose answer is an error
where there was a warning. Its pixels are those of OpenCV to the bit, so every check is one decode.
"""

from __future__ import annotations

import cv2
import numpy as np
import simplejpeg

_EXIF = b"Exif\0\0"


def decode_jpeg(data: bytes) -> np.ndarray:
    """The image in `data`: (height, width, 3) uint8 BGR, turned upright by its EXIF orientation.

    Args:
        data: a JPEG file whose header was found sound.

    Raises:
        ValueError: damaged, cut short, or of a kind that libjpeg-turbo does not read.
    """
    _, _, colours, _ = simplejpeg.decode_jpeg_header(data)
    if colours != "CMYK" and _EXIF not in data:
        upright: np.ndarray = simplejpeg.decode_jpeg(data, "BGR", fastdct=False, fastupsample=False)
        return upright
    # OpenCV turns images and mixes inks; the check before it reads all coefficients, and computes
    # an eighth of the rows and columns from them.
    as_stored = "CMYK" if colours == "CMYK" else "GRAY"
    simplejpeg.decode_jpeg(data, as_stored, min_height=1, min_width=1, min_factor=8)
    pixels = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    if pixels is None:
        raise ValueError("its decoder gave up")
    return pixels
