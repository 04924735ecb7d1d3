"""From the tail of TensorRT's log to a fault that names the cause and the cure."""

from __future__ import annotations

from typing import List, Optional, Sequence, Tuple

from runtime.errors import BuildFailed, EngineFailed, EngineRefused
from runtime.inference.backends.tensorrt.known_messages import (
    FAILURES,
    NOTICES,
    Explanation,
    Symptom,
)

_QUOTED_LINES = 4
_QUOTED_LENGTH = 300
# The parser frames the node it stopped at with lines of this kind.
_FRAME = " node ---"


def explanation_of(lines: Sequence[str]) -> Optional[Explanation]:
    """The first row of the table that explains why something failed, if one does."""
    return next(iter(_explained(FAILURES, lines)), None)


def notices_in(lines: Sequence[str]) -> List[Explanation]:
    """What is worth telling of something that worked, each row once."""
    return _explained(NOTICES, lines)


def _explained(rows: Sequence[Symptom], lines: Sequence[str]) -> List[Explanation]:
    found = (next(filter(None, map(row.explain, lines)), None) for row in rows)
    return [explanation for explanation in found if explanation is not None]


def build_failed(problem: str, lines: Sequence[str], cure: str) -> BuildFailed:
    """The fault of a step that TensorRT answered with False or None.

    Args:
        problem: what could not be done.
        lines: warnings and errors of the log's tail, the latest last.
        cure: for messages that no row of the table explains.
    """
    return BuildFailed(*_explain(problem, lines, cure, notices=True))


def engine_refused(problem: str, lines: Sequence[str], cure: str) -> EngineRefused:
    """The fault of a plan that cannot be made to run; arguments as `build_failed`."""
    return EngineRefused(*_explain(problem, lines, cure))


def engine_failed(problem: str, lines: Sequence[str]) -> EngineFailed:
    """The fault of a plan that ran and stopped; arguments as `build_failed`."""
    cure = "Restart the daemon; if it stays, rebuild the plan"
    return EngineFailed(*_explain(problem, lines, cure))


def _explain(
    problem: str, lines: Sequence[str], cure: str, notices: bool = False
) -> Tuple[str, str]:
    """Problem and cure, explained by the table where it knows the log's lines.

    Args:
        problem: what could not be done.
        lines: warnings and errors of the log's tail, the latest last.
        cure: for messages that no row of the table explains.
        notices: whether rows that explain no failure are told too.
    """
    explanation = explanation_of(lines)
    besides = notices_in(lines) if notices else []
    meaning = "" if explanation is None else f": {explanation.meaning}"
    asides = "".join(f"; {notice.meaning}" for notice in besides)
    cures = [explanation.cure if explanation else cure, *(notice.cure for notice in besides)]
    quoted = " / ".join(_quotable(lines))
    said = f" (TensorRT said: {quoted})" if quoted else " (TensorRT gave no reason)"
    return problem + meaning + asides + said, ". ".join(dict.fromkeys(cures))


def _quotable(lines: Sequence[str]) -> List[str]:
    """The last lines that say something, each on one line and cut to a bearable length."""
    flat = (" ".join(line.split()) for line in lines)
    telling = [line[:_QUOTED_LENGTH] for line in flat if line and _FRAME not in line]
    return telling[-_QUOTED_LINES:]
