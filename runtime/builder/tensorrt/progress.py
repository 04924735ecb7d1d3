"""How far a build is, and the way to stop it: TensorRT 9.1 and later ask after every small step."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import Callable, Dict, List, Optional

from runtime.inference.backends.tensorrt.api import TensorRT

Advance = Callable[[], None]
"""Called after each part of a build."""
PARTS = 100


@dataclass
class _Phase:
    parent: Optional[str]
    steps: int
    done: int = 0


class BuildProgress:
    """Adds nested phases up to parts of the whole; a listener that raises cancels the build.

    Args:
        advance: called at most `PARTS` times, by TensorRT's threads. What it raises waits for
            `raise_error`, as exceptions cannot pass through TensorRT.
    """

    def __init__(self, advance: Advance) -> None:
        self._errors: List[BaseException] = []
        self._advance = advance
        self._told = 0
        self._lock = threading.Lock()
        self._phases: Dict[str, _Phase] = {}

    def started(self, name: str, parent: Optional[str], steps: int) -> None:
        """A phase begins, within a step of its parent.

        Args:
            name: of the phase.
            parent: the phase that it is a step of; None for the whole build.
            steps: how many it has.
        """
        with self._lock:
            self._phases[name] = _Phase(parent, max(steps, 1))

    def stepped(self, name: str, step: int) -> bool:
        """A step of a phase is done; False asks TensorRT to stop.

        Args:
            name: of the phase.
            step: which of its steps, counted from 0.
        """
        with self._lock:
            if name in self._phases:
                self._phases[name].done = step + 1
            done = int(self._share(name) * PARTS)
        return self._tell(done)

    def finished(self, name: str) -> None:
        """A phase ends, complete or not."""
        with self._lock:
            self._phases.pop(name, None)

    def raise_error(self) -> None:
        """Raises what the listener raised, if it did."""
        for error in self._errors:
            raise error

    def _share(self, name: str, begun: float = 0.0) -> float:
        """What part of the whole is done; of the phase's next step, the part `begun`."""
        phase = self._phases.get(name)
        if phase is None:
            return 0.0
        own = min((phase.done + begun) / phase.steps, 1.0)
        return own if phase.parent is None else self._share(phase.parent, own)

    def _tell(self, done: int) -> bool:
        try:
            while not self._errors and self._told < min(done, PARTS):
                self._told += 1
                self._advance()
        except BaseException as error:  # noqa: BLE001
            # Even an interrupt: raised here, it would end in TensorRT's C++ and be lost.
            self._errors.append(error)
        return not self._errors


def monitor_of(module: TensorRT, progress: BuildProgress) -> object:
    """TensorRT's monitor that tells a progress; the module must have one.

    Args:
        module: a TensorRT with `IProgressMonitor`.
        progress: hears of every phase and step.
    """

    def phase_start(_: object, name: str, parent: Optional[str], steps: int) -> None:
        progress.started(name, parent, steps)

    def step_complete(_: object, name: str, step: int) -> bool:
        return progress.stepped(name, step)

    def phase_finish(_: object, name: str) -> None:
        progress.finished(name)

    methods = {
        "phase_start": phase_start,
        "step_complete": step_complete,
        "phase_finish": phase_finish,
    }
    return type("Monitor", (module.IProgressMonitor,), methods)()
