"""The processor time of a step over all attempts, those that were killed included."""

from __future__ import annotations

import os
import threading
import time
from pathlib import Path
from types import TracebackType
from typing import Optional, Type

from runtime.files.atomic import whole_file

NOTED_EVERY_S = 10.0
PREFIX = "seconds-"


class SpentTime:
    """Notes this process's time now and then, so that a kill loses only the last moments.

    A context manager around the work.

    Args:
        folder: of the step; gets a small file for each attempt.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._path = folder / f"{PREFIX}{time.time_ns()}-{os.getpid()}.txt"
        self._began = 0.0
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._keep_noting, daemon=True)

    def __enter__(self) -> SpentTime:
        self._began = time.process_time()
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: Optional[Type[BaseException]],
        error: Optional[BaseException],
        trace: Optional[TracebackType],
    ) -> None:
        self._over.set()
        self._thread.join()
        self._note()

    def seconds(self) -> Optional[float]:
        """The sum over all attempts; None where none was noted."""
        noted = [
            float(path.read_text(encoding="utf-8")) for path in self._folder.glob(f"{PREFIX}*.txt")
        ]
        return sum(noted) if noted else None

    def _keep_noting(self) -> None:
        while not self._over.wait(NOTED_EVERY_S):
            self._note()

    def _note(self) -> None:
        with whole_file(self._path) as file:
            file.write(f"{time.process_time() - self._began:.1f}\n".encode())
