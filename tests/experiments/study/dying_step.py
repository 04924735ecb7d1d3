"""A step whose process dies by SIGKILL right after a training's state was saved for the N-th time.

python -m tests.experiments.study.dying_step FOLDER N
"""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

import torch

from runtime.builder.training.state import TrainingState
from runtime.experiments.study.step_process import do_step


def main(folder: Path, at: int) -> None:
    torch.set_num_threads(1)
    save, saved = TrainingState.save, 0

    def die_after(self: TrainingState, where: Path, fingerprint: str) -> None:
        nonlocal saved
        save(self, where, fingerprint)
        saved += 1
        if saved == at:
            os.kill(os.getpid(), signal.SIGKILL)

    setattr(TrainingState, "save", die_after)  # noqa: B010 - a plain assignment would not type-check
    do_step(folder)


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
