"""A folder of results that can be interrupted at any moment and continued later.

A file in it is whole or not there. What made the results is written down beside them, so that a
continued run cannot mix those of two engines. One run at a time writes into the folder.
"""

from __future__ import annotations

import errno
import fcntl
import json
import os
import shutil
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Iterable, Mapping, Optional, Type

from runtime.batch.result_ledger import LEDGER_NAME, Made, ResultLedger
from runtime.errors import InvalidInput, OutputFailed
from runtime.files.atomic import write_whole

RECORD_NAME = "segment.json"
ELSEWHERE = "Choose another folder with -o"


def write_result(path: Path, data: bytes) -> None:
    """Writes a file that is whole or, whatever happens, not there; it replaces an earlier one.

    Raises:
        OutputFailed: no room or no right to write.
    """
    try:
        # Whoever writes here holds the folder.
        write_whole(path, data, alone=True)
    except OSError as error:
        raise _cannot_write(path, error) from error


def _cannot_write(path: Path, error: OSError) -> OutputFailed:
    full = error.errno in (errno.ENOSPC, errno.EDQUOT)
    cure = "Free disk space or choose another place" if full else ELSEWHERE
    return OutputFailed(f"{path} cannot be written: {error.strerror}", cure)


class OutputFolder:
    """Results of one engine with one set of options; a context manager that holds the folder.

    Args:
        path: created if it does not exist.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._held = ExitStack()
        self._ledger: Optional[ResultLedger] = None

    def __enter__(self) -> OutputFolder:
        """Takes hold of the folder.

        Raises:
            OutputFailed: it cannot be created, or another run writes into it.
        """
        self._held.callback(os.close, self._lock())
        self._ledger = ResultLedger(self.path)
        return self

    def __exit__(
        self,
        kind: Optional[Type[BaseException]],
        error: Optional[BaseException],
        trace: Optional[TracebackType],
    ) -> None:
        self._held.close()

    def made(self, result: Path, source: str) -> Optional[Made]:
        """How an earlier run, or this one, made `result`; None where it did not from this source.

        Args:
            result: a file or folder.
            source: SHA-256 of what it is to be made from.
        """
        made = None if self._ledger is None else self._ledger.made(result)
        return made if made is not None and made.source == source else None

    def note(self, result: Path, made: Made) -> None:
        """Remembers, beyond this run, how `result` was made.

        Raises:
            OutputFailed: no room or no right to write.
        """
        if self._ledger is None:
            raise OutputFailed(f"{self.path} is not held", "Write inside the `with` block")
        try:
            self._ledger.note(result, made)
        except OSError as error:
            raise _cannot_write(self.path / LEDGER_NAME, error) from error

    def continue_with(self, made_by: Mapping[str, object], results: Iterable[Path]) -> None:
        """Keeps what an earlier run finished, if it made it in the same way.

        Args:
            made_by: what determines the results, JSON-able.
            results: what this run makes.

        Raises:
            InvalidInput: the folder holds results of another engine or of other options, or files
                in their place that no run made.
        """
        record = self.path / RECORD_NAME
        if record.exists():
            stranger = record if record.read_bytes() != _record(made_by) else None
        else:
            stranger = next((result for result in results if result.exists()), None)
        if stranger is not None:
            raise InvalidInput(
                f"{self.path} holds what another engine, other options or nobody here made: "
                f"see {stranger}",
                f"Add --overwrite to replace it. {ELSEWHERE} to keep it",
            )
        write_result(record, _record(made_by))

    def start_anew(self, made_by: Mapping[str, object], results: Iterable[Path]) -> None:
        """Removes earlier results, files or folders, and then says what makes the next ones.

        In this order: interrupted in between, the folder still says what the rest was made by.
        """
        for result in results:
            if result.is_dir():
                shutil.rmtree(result)
            elif result.exists():
                result.unlink()
        write_result(self.path / RECORD_NAME, _record(made_by))

    def _lock(self) -> int:
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            descriptor = os.open(self.path, os.O_RDONLY)
        except OSError as error:
            raise OutputFailed(
                f"{self.path} is no folder to write to: {error.strerror}", ELSEWHERE
            ) from error
        try:
            # The kernel lets go of it when the process ends, however it ends.
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(descriptor)
            raise OutputFailed(
                f"another run writes into {self.path}", f"Wait for it, or: {ELSEWHERE}"
            ) from error
        return descriptor


def _record(made_by: Mapping[str, object]) -> bytes:
    return (json.dumps(made_by, indent=2, sort_keys=True) + "\n").encode()
