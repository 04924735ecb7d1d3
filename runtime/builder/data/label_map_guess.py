"""Whether what is given as an image is a label map: the folder of labels named by mistake.

Few values alone prove nothing: a camera at night, in fog or of heat gives grey PNGs of a dozen.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Optional, Tuple

import numpy as np
from PIL import Image, UnidentifiedImageError

from runtime.errors import InvalidInput
from runtime.image.label_map import Classes
from runtime.image.label_png import CLASSES_KEYWORD

FEW_VALUES = 64
"""A label map of more classes in one image is not noticed."""
FLAT = 0.98
"""Share of pixels that equal their left neighbour, from which an image is of flat pieces."""

_FOLDERS = re.compile(
    r"labels?|label[_-]?maps?|masks?|annotations?|gt|gt[_-]?fine|ground[_-]?truth|seg(mentation)?s?",
    re.IGNORECASE,
)
_STEMS = re.compile(
    r".*_(labelids|labeltrainids|labels?|masks?|gt|gtfine\w*|annotation|seg)", re.IGNORECASE
)
_IMAGE_FOLDERS = ("images", "image", "imgs", "img", "JPEGImages")
_IMAGE_ENDINGS = (".jpg", ".jpeg", ".png", ".webp")


def require_image(path: Path, classes: Classes) -> None:
    """Refuses a label map, whose colours would give ranges that mean nothing.

    Args:
        path: of what is given as an image; what is broken is left to the decoder.
        classes: what ids a label map could hold.

    Raises:
        InvalidInput: one channel, few values, and something else that tells; it is said.
    """
    hint = label_map_hint(path, classes)
    if hint is not None:
        raise InvalidInput(
            f"{path} is a label map, no image: one channel, hardly any values, and {hint}",
            "Calibrate on the folder of the images themselves, often called images. If these are a "
            "camera's images, say so with --grey-images or `grey_images = true` in the recipe's "
            "[calibration]",
        )


def label_map_hint(path: Path, classes: Classes) -> Optional[str]:
    """What tells that a file is a label map, as a clause; None for an image or a broken file."""
    if path.suffix.lower() != ".png":
        return None
    try:
        with Image.open(path) as opened:
            mode, texts = opened.mode, dict(getattr(opened, "text", {}))
            stored = np.asarray(opened) if mode in ("1", "L", "P") else None
    except (UnidentifiedImageError, Image.DecompressionBombError, OSError, SyntaxError):
        return None
    if stored is None:
        return None
    stored = stored.astype(np.uint8)
    values = np.flatnonzero(np.bincount(stored.reshape(-1), minlength=256))
    if len(values) > FEW_VALUES:
        return None
    if CLASSES_KEYWORD.decode() in texts:
        return "it lists its classes"
    return _name_hint(path) or _content_hint(path, mode, stored, (values, classes))


def _name_hint(path: Path) -> Optional[str]:
    if _FOLDERS.fullmatch(path.absolute().parent.name):
        return f"it lies in a folder called {path.absolute().parent.name}"
    if _STEMS.fullmatch(path.stem):
        return "it is named like one"
    return None


def _content_hint(
    path: Path, mode: str, stored: np.ndarray, found: Tuple[np.ndarray, Classes]
) -> Optional[str]:
    """Of values that are all class ids or the ignore id: a palette, a twin, or flat pieces."""
    values, classes = found
    if not all(value < len(classes) or value == classes.ignore_id for value in values):
        return None
    if mode == "P":
        return "its palette's entries are class ids"
    twin = _twin(path)
    if twin is not None:
        return f"its values are class ids of the image {twin}"
    # An image of one value is a covered lens.
    if len(values) > 1 and np.mean(stored[:, 1:] == stored[:, :-1]) > FLAT:
        return "they are class ids in flat pieces"
    return None


def _twin(path: Path) -> Optional[Path]:
    """The image of the same name in a folder of images beside that of the file."""
    own = path.absolute().parent
    for folder in _IMAGE_FOLDERS:
        for ending in _IMAGE_ENDINGS if folder != own.name else ():
            image = own.parent / folder / f"{path.stem}{ending}"
            if image.is_file():
                return image
    return None
