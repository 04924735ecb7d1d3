"""Files that are never half-written."""

from __future__ import annotations

import os
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, Iterator


@contextmanager
def whole_file(path: Path) -> Iterator[BinaryIO]:
    """A file to write to; `path` holds the old one until all of the new one is on the disk."""
    unfinished = path.with_name(f".{path.name}.unfinished-{os.getpid()}")
    try:
        with unfinished.open("wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)
