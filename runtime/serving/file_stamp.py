"""Whether a file is still what it was, at the cost of one look at its directory entry."""

from __future__ import annotations

from pathlib import Path
from typing import Optional, Tuple

FileStamp = Tuple[int, int, int]
"""Inode, size in bytes and time of the last change in nanoseconds."""


def stamp_of(path: Path) -> Optional[FileStamp]:
    """What changes whenever the file is written or replaced; None while it cannot be seen."""
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_ino, status.st_size, status.st_mtime_ns
