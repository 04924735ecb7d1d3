"""What has been built already: each step remembered by the hash of everything it depends on.

A step counts as done only while its outputs are the very files it wrote; whatever was killed half
way, edited or deleted is made again, and nothing else is.
"""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path
from typing import Any, Dict, List, Sequence

from pydantic import BaseModel, ConfigDict, ValidationError

from runtime.files.atomic import write_whole
from runtime.repository.engine_folder import BUILD_STATE, sha256_of


class _Done(BaseModel):
    """One finished step: its key, the hashes of what it wrote, and what it found out."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    key: str
    outputs: Dict[str, str]
    result: Any = None


class _Record(BaseModel):
    model_config = ConfigDict(extra="forbid")

    steps: Dict[str, _Done] = {}


class StepCache:
    """The memory of one engine folder.

    Args:
        folder: where the state lies and what output paths are relative to.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._path = folder / BUILD_STATE
        self._steps = _steps_from(self._path)

    def is_done(self, step: str, key: str) -> bool:
        """Whether a step was finished with this key and its outputs are untouched."""
        done = self._steps.get(step)
        if done is None or done.key != key:
            return False
        paths = {self._folder / name: sha256 for name, sha256 in done.outputs.items()}
        return all(path.is_file() and sha256_of(path) == hash_ for path, hash_ in paths.items())

    def result(self, step: str) -> Any:
        """What a finished step found out."""
        return self._steps[step].result

    def record(self, step: str, key: str, outputs: Sequence[Path], result: Any = None) -> None:
        """Remembers a step that is finished; its outputs must be on the disk."""
        hashes = {os.path.relpath(path, self._folder): sha256_of(path) for path in outputs}
        self._steps[step] = _Done(key=key, outputs=hashes, result=result)
        record = _Record(steps=self._steps).model_dump(mode="json")
        write_whole(self._path, (json.dumps(record, indent=1) + "\n").encode())


def _steps_from(path: Path) -> Dict[str, _Done]:
    if not path.is_file():
        return {}
    try:
        return dict(_Record.model_validate_json(path.read_text(encoding="utf-8")).steps)
    except (ValidationError, UnicodeDecodeError):
        # A memory that cannot be read is no memory: every step is made again.
        return {}


def key_of(*parts: Any) -> str:
    """One hash for everything that a step depends on; parts are plain values."""
    plain: List[Any] = list(parts)
    return hashlib.sha256(json.dumps(plain, sort_keys=True).encode()).hexdigest()
