"""The process that does one step: python -m runtime.experiments.study.step_process FOLDER.

It ends as soon as its standard input does, so that no step outlives a study that was killed.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from pathlib import Path
from typing import Callable, Dict, List

import torch

from runtime.errors import RuntimeFault
from runtime.experiments.study.step import Job, Kind, Made
from runtime.experiments.study.store import JOB_NAME, write_done
from runtime.inference.backends.openvino_telemetry import report_nothing

FAILED, ABANDONED = 1, 3

Work = Callable[[Job, Path], Made]
"""Does a job in a folder and returns what it made."""


def main(arguments: List[str]) -> int:
    """Does the step of a folder, and returns the exit code."""
    # Ctrl-C reaches all processes of a terminal; the study's own process ends this one.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_the_study, daemon=True).start()
    torch.set_num_threads(1)
    report_nothing()
    folder = Path(arguments[0])
    try:
        do_step(folder)
    except RuntimeFault as fault:
        sys.stderr.write(f"{fault}\n")
        return FAILED
    return 0


def do_step(folder: Path) -> None:
    """Does the step that a folder's job describes, and writes its record.

    Raises:
        RuntimeFault: the step failed.
    """
    job = Job.model_validate_json((folder / JOB_NAME).read_bytes())
    outputs, result = _work()[job.kind](job, folder)
    write_done(folder, job, outputs, result)


def _work() -> Dict[Kind, Work]:
    """What is done for a step of each kind."""
    # Imported here, because the steps import openvino, which is told first to report nothing.
    from runtime.experiments.study import training_step
    from runtime.experiments.study.engine_step import engine
    from runtime.experiments.study.evaluate_step import judge
    from runtime.experiments.study.speed_step import speed

    return {
        "train": training_step.train,
        "plan": training_step.plan,
        "cut": training_step.cut,
        "engine": engine,
        "judge": judge,
        "speed": speed,
    }


def _end_with_the_study() -> None:
    # Not through sys.stdin, whose lock this thread would hold when the interpreter ends.
    while os.read(0, 1):
        pass
    # Nothing is to be cleaned up: what a step writes is whole or not there.
    os._exit(ABANDONED)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
