"""Paths for libraries in C, which take some for URLs or options, and want UTF-8."""

from __future__ import annotations

import os
from contextlib import contextmanager
from pathlib import Path
from typing import Iterator


@contextmanager
def path_for_libraries(path: Path) -> Iterator[str]:
    """A path under which OpenCV and FFmpeg open this file and nothing else.

    It is absolute, as `12:30.mp4` would be of the protocol 12, and `-y.mp4` an option. OpenCV's
    bindings crash on names that are not UTF-8, so those are opened here, and the path is that of
    the descriptor.

    Args:
        path: of a file or folder that exists.

    Raises:
        OSError: a name that is not UTF-8 cannot be opened.
    """
    absolute = path.absolute()
    if _is_utf8(str(absolute)):
        yield str(absolute)
        return
    descriptor = os.open(absolute, os.O_RDONLY)
    try:
        yield f"/proc/self/fd/{descriptor}"
    finally:
        os.close(descriptor)


def _is_utf8(text: str) -> bool:
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True
