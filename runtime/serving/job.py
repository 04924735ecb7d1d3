"""A piece of work for one slot of the engine, whoever it is for: a request or a camera's frame."""

from __future__ import annotations

from typing import Any, NamedTuple, Optional

from typing_extensions import Protocol

from runtime.inference.segmenter import Segmenter
from runtime.serving.metrics.engine import RequestKind, WorkResult


class Outcome(NamedTuple):
    """How a job ended.

    Attributes:
        result: what the metrics count it as.
        value: what came of it, where it ended well.
        error: why nothing did; None where it ended well.
    """

    result: WorkResult
    value: Any = None
    error: Optional[Exception] = None


class Job(Protocol):
    """Work that the worker takes from a source: begun, run and finished by one slot's thread."""

    @property
    def source(self) -> RequestKind:
        """What the metrics count it as."""

    def begin(self) -> bool:
        """Whether it is still wanted; from then on it can no longer be cancelled. Never blocks."""

    def run(self, segmenter: Segmenter) -> Outcome:
        """Decodes, segments and encodes on the slot's thread; errors are part of the outcome."""

    def finish(self, outcome: Outcome) -> None:
        """Hands the outcome to whoever waits for it; the slot is free already."""
