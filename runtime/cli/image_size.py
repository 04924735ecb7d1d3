"""The size of an image as commands take it."""

from __future__ import annotations

from argparse import ArgumentTypeError
from typing import Tuple


def image_size(text: str) -> Tuple[int, int]:
    """Rows and columns from `HxW`.

    Raises:
        ArgumentTypeError: the text is no such thing.
    """
    height, _, width = text.partition("x")
    if not height.isdecimal() or not width.isdecimal():
        raise ArgumentTypeError(f"{text!r} is no size: give rows and columns, such as 1024x2048")
    return int(height), int(width)
