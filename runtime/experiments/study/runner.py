"""Runs the steps of a study, several at a time, each in a process of its own."""

from __future__ import annotations

import fcntl
import subprocess
import sys
import time
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Dict, Iterator, List, Optional, Type

from typing_extensions import Protocol

from runtime.errors import BuildFailed
from runtime.experiments.study.step import Step
from runtime.experiments.study.store import LOG_NAME, StepStore, done_in

LOOK_EVERY_S = 0.2
TERM_S = 10.0
LOCK_NAME = ".lock"
LOCK_S = 20.0


class Audience(Protocol):
    """Hears of a study while it runs."""

    def started(self, step: Step, folder: Path) -> None:
        """A step begins, or goes on."""

    def finished(self, step: Step) -> None:
        """A step's record is there."""

    def failed(self, step: Step, reason: str) -> None:
        """A step ended without a record."""

    def look(self) -> None:
        """Time passes."""


@dataclass(frozen=True)
class _Running:
    step: Step
    folder: Path
    key: str
    process: subprocess.Popen[bytes]


class Runner:
    """The steps of a study that are still to be done; a context manager.

    Leaving it ends the steps that run.

    Args:
        steps: by name, those to be done first first.
        store: where they lie.
        jobs: steps at a time.
        audience: to be told.
        lock: of the study's folder; the processes of steps hold it too.
    """

    def __init__(
        self, steps: Dict[str, Step], store: StepStore, jobs: int, audience: Audience, lock: int
    ) -> None:
        self._store = store
        self._lock = lock
        self._jobs = jobs
        self._audience = audience
        self._waiting = {name: step for name, step in steps.items() if store.done(step) is None}
        self._running: List[_Running] = []
        self.failures: Dict[str, str] = {}

    def __enter__(self) -> Runner:
        return self

    def __exit__(
        self,
        kind: Optional[Type[BaseException]],
        error: Optional[BaseException],
        trace: Optional[TracebackType],
    ) -> None:
        for each in self._running:
            each.process.terminate()
        for each in self._running:
            with each.process as process:
                try:
                    process.wait(TERM_S)
                except subprocess.TimeoutExpired:
                    process.kill()
        self._running.clear()

    def run(self) -> None:
        """Does all steps that do not depend on a failed one; `failures` holds the reasons."""
        self._start_what_can()
        while self._running:
            time.sleep(LOOK_EVERY_S)
            self._audience.look()
            ended = [each for each in self._running if each.process.poll() is not None]
            for each in ended:
                self._running.remove(each)
                self._hear_of(each)
            if ended:
                self._start_what_can()

    def _hear_of(self, ended: _Running) -> None:
        with ended.process:
            code = ended.process.returncode
        if code == 0 and done_in(ended.folder, ended.key) is not None:
            self._audience.finished(ended.step)
            return
        reason = _last_words(ended.folder) or f"it ended with code {code}"
        self.failures[ended.step.name] = reason
        self._audience.failed(ended.step, reason)

    def _start_what_can(self) -> None:
        for step in list(self._waiting.values()):
            if not self._has_room_for(step):
                return
            key = self._store.key(step)
            if key is None:
                continue
            del self._waiting[step.name]
            # What an earlier step made anew may be the very file that it made before.
            if self._store.done(step) is None:
                self._start(step, key)

    def _has_room_for(self, step: Step) -> bool:
        if step.alone or any(each.step.alone for each in self._running):
            return not self._running
        return len(self._running) < self._jobs

    def _start(self, step: Step, key: str) -> None:
        folder = self._store.prepare(step)
        # One thread each: threads of several processes on few cores wait for each other.
        command = ["env", "OMP_NUM_THREADS=1", sys.executable]
        command += ["-m", "runtime.experiments.study.step_process", str(folder)]
        with (folder / LOG_NAME).open("ab") as log:
            # The open end of its input tells the process that the study lives.
            process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=subprocess.STDOUT,
                pass_fds=(self._lock,),
            )
        self._running.append(_Running(step, folder, key, process))
        self._audience.started(step, folder)


def _last_words(folder: Path) -> str:
    lines = (folder / LOG_NAME).read_text(encoding="utf-8", errors="replace").splitlines()
    said = [line.strip() for line in lines if line.strip()]
    return said[-1] if said else ""


@contextmanager
def only_study_in(folder: Path) -> Iterator[int]:
    """Keeps a second process from running the study of a folder at the same time.

    Yields the lock's file descriptor: as long as a process has it, the study counts as running.

    Raises:
        BuildFailed: one does.
    """
    with ExitStack() as stack:
        lock = stack.enter_context((folder / LOCK_NAME).open("wb"))
        give_up = time.monotonic() + LOCK_S
        while True:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except OSError as held:
                if time.monotonic() > give_up:
                    raise BuildFailed(
                        f"another process runs the study in {folder}",
                        "Wait for it, or end it and start this one again",
                    ) from held
                time.sleep(LOOK_EVERY_S)
        yield lock.fileno()
