"""What each result of an output folder was made from, and what was wrong with it.

By content: a copied or restored file has any time stamp. A line is added when a result is whole, so
that a run that was killed forgets nothing else.
"""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Dict, Optional

LEDGER_NAME = ".results.jsonl"


def sha256_of_source(path: Path) -> str:
    """The SHA-256 of a file, hexadecimal.

    Raises:
        OSError: it cannot be read.
    """
    digest = hashlib.sha256()
    with path.open("rb") as file:
        for piece in iter(lambda: file.read(1 << 20), b""):
            digest.update(piece)
    return digest.hexdigest()


@dataclass(frozen=True)
class Made:
    """How a result came about.

    Attributes:
        source: SHA-256 of what it was made from.
        failure: what is wrong with it, in a sentence; None where it is complete.
        done: frames or images in it.
        note: what a reader of the complete result has to know; None for nothing.
    """

    source: str
    failure: Optional[str] = None
    done: int = 1
    note: Optional[str] = None


class ResultLedger:
    """The ledger of one output folder; used by one thread of one run.

    Args:
        folder: the output folder.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._made: Dict[str, Made] = {}
        path = folder / LEDGER_NAME
        if path.exists():
            for line in path.read_bytes().splitlines():
                self._read(line)

    def made(self, result: Path) -> Optional[Made]:
        """How a file or folder that exists was made; None for one that no run finished."""
        return self._made.get(self._name(result)) if result.exists() else None

    def note(self, result: Path, made: Made) -> None:
        """Notes that a result is there.

        Raises:
            OSError: no room or no right to write.
        """
        name = self._name(result)
        entry = {"result": name, **asdict(made)}
        # ASCII, so that names which are no UTF-8 come back as they were. First the end of the line
        # that a killed run may have left unfinished.
        line = "\n" + json.dumps(entry) + "\n"
        with (self._folder / LEDGER_NAME).open("ab") as file:
            file.write(line.encode())
        self._made[name] = made

    def _read(self, line: bytes) -> None:
        try:
            entry = json.loads(line)
            name = entry.pop("result")
            self._made[name] = Made(**entry)
        except (ValueError, KeyError, TypeError, AttributeError):
            # Empty, or what a killed run was writing: that result is made again.
            return

    def _name(self, result: Path) -> str:
        return os.path.relpath(result, self._folder)
