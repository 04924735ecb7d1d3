"""Findings in the form in which tests compare them."""

from __future__ import annotations

from typing import List, Tuple

from runtime.diagnostics.finding import Check, Finding
from runtime.diagnostics.probe import Surroundings


def findings(check: Check, here: Surroundings) -> List[Finding]:
    """What a check finds; every finding that is not well has a cure."""
    found = list(check(here))
    assert all(bool(finding.cure) == (finding.verdict != "ok") for finding in found)
    return found


def verdicts(check: Check, here: Surroundings) -> List[Tuple[str, str]]:
    """Subject and verdict of each finding."""
    return [(finding.subject, finding.verdict) for finding in findings(check, here)]


def only(check: Check, here: Surroundings) -> Finding:
    """The one finding of a check."""
    (finding,) = findings(check, here)
    return finding
