"""The steps of a study on disk: a folder for each, which counts once its record lies there."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Dict, Optional, Sequence, Tuple

from pydantic import ValidationError

from runtime.errors import BuildFailed
from runtime.experiments.study.step import SHOWN_OF_A_KEY, Done, Given, Job, Source, Step
from runtime.files.atomic import write_whole
from runtime.repository.engine_folder import sha256_of

STEPS = "steps"
JOB_NAME = "step.json"
RECORD_NAME = "record.json"
LOG_NAME = "log.txt"


class StepStore:
    """What is done of a study.

    Args:
        folder: of the study.
        steps: of the study, by name.
    """

    def __init__(self, folder: Path, steps: Dict[str, Step]) -> None:
        self._folder = folder
        self._steps = steps

    @property
    def steps(self) -> Tuple[Step, ...]:
        """All steps of the study, those to be done first first."""
        return tuple(self._steps.values())

    def key(self, step: Step) -> Optional[str]:
        """The step's key; None while one of its inputs is still to be made."""
        hashes: Dict[str, str] = {}
        for part, source in step.inputs.items():
            sha256 = self.sha256(source)
            if sha256 is None:
                return None
            hashes[part] = sha256
        return step.key(hashes)

    def folder(self, step: Step, key: str) -> Path:
        """Where the step's files lie.

        Args:
            step: of the study.
            key: its key, which is part of the folder's name.
        """
        return self._folder / STEPS / f"{step.name}-{key[:SHOWN_OF_A_KEY]}"

    def done(self, step: Step) -> Optional[Done]:
        """The step's record; None where there is none, or a file that it names is gone."""
        key = self.key(step)
        return None if key is None else done_in(self.folder(step, key), key)

    def sha256(self, source: Source) -> Optional[str]:
        """SHA-256 of a file's content; None while it is still to be made."""
        if isinstance(source, Given):
            return source.sha256
        done = self.done(self._steps[source.step])
        return None if done is None else done.outputs[source.file]

    def path(self, source: Source) -> Path:
        """Where a file lies that is there already.

        Raises:
            BuildFailed: it is still to be made, and nobody can tell where.
        """
        if isinstance(source, Given):
            return source.path
        step = self._steps[source.step]
        key = self.key(step)
        if key is None:
            raise BuildFailed(f"step {step.name} is not done", "Run the study to its end")
        return self.folder(step, key) / source.file

    def prepare(self, step: Step) -> Path:
        """Makes the folder of a step whose inputs are there, and writes its job into it.

        Raises:
            BuildFailed: an input is still to be made.
        """
        key = self.key(step)
        if key is None:
            raise BuildFailed(f"step {step.name} lacks an input", "Run the study to its end")
        folder = self.folder(step, key)
        folder.mkdir(parents=True, exist_ok=True)
        job = Job(
            name=step.name,
            kind=step.kind,
            key=key,
            parameters=dict(step.parameters),
            inputs={part: self.path(source).resolve() for part, source in step.inputs.items()},
            how=dict(step.how),
        )
        write_whole(folder / JOB_NAME, (job.model_dump_json(indent=1) + "\n").encode())
        return folder


def done_in(folder: Path, key: str) -> Optional[Done]:
    """The record in a step's folder; None where it is missing, torn or of another key.

    Args:
        folder: of the step.
        key: that its record must have.
    """
    try:
        done = Done.model_validate_json((folder / RECORD_NAME).read_bytes())
    except (FileNotFoundError, ValidationError):
        return None
    whole = all((folder / name).is_file() for name in done.outputs)
    return done if done.key == key and whole else None


def write_done(folder: Path, job: Job, outputs: Sequence[str], result: Dict[str, Any]) -> None:
    """Writes the record of a step whose outputs are on the disk.

    Args:
        folder: of the step.
        job: that was done.
        outputs: paths of its files within the folder.
        result: plain values that were found out.
    """
    hashes = {name: sha256_of(folder / name) for name in outputs}
    done = Done(kind=job.kind, key=job.key, outputs=hashes, result=result)
    write_whole(folder / RECORD_NAME, (done.model_dump_json(indent=1) + "\n").encode())
