"""What is done for a step of each kind."""

from __future__ import annotations

from pathlib import Path
from typing import Callable, Dict

from runtime.experiments.study import training_step
from runtime.experiments.study.engine_step import engine
from runtime.experiments.study.evaluate_step import judge
from runtime.experiments.study.speed_step import speed
from runtime.experiments.study.step import Job, Kind, Made

WORK: Dict[Kind, Callable[[Job, Path], Made]] = {
    "train": training_step.train,
    "plan": training_step.plan,
    "cut": training_step.cut,
    "engine": engine,
    "judge": judge,
    "speed": speed,
}
"""Does a job in a folder and returns what it made."""
