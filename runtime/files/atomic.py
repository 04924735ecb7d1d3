"""Files that are never half-written."""

from __future__ import annotations

import os
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, Iterator


@contextmanager
def whole_file(path: Path, alone: bool = False) -> Iterator[BinaryIO]:
    """A file to write to; `path` holds the old one until all of the new one is on the disk.

    Args:
        path: in a folder that exists.
        alone: whether no other process can be writing the same file. What a killed one left
            half-written is then written over, and not left beside the new file for good.

    Raises:
        OSError: no room or no right to write; nothing is left of the new file.
    """
    writer = "" if alone else f"-{os.getpid()}"
    unfinished = path.with_name(f".{path.name}.unfinished{writer}")
    try:
        with unfinished.open("wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)


def write_whole(path: Path, content: bytes, alone: bool = False) -> None:
    """Writes a file so that it is there whole or not at all, whenever the machine stops.

    Args:
        path: its folder is made where it does not exist.
        content: all of the file.
        alone: see `whole_file`.

    Raises:
        OSError: no room or no right to write.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with whole_file(path, alone) as file:
        file.write(content)
