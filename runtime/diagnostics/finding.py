"""One thing that was looked at: how it is, and what to do where it is not well."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Callable, Iterator

from typing_extensions import Literal

from runtime.diagnostics.probe import Surroundings

Verdict = Literal["ok", "warning", "problem"]


@dataclass(frozen=True)
class Finding:
    """What was found; made by `ok`, `warning` and `problem`.

    Attributes:
        subject: what was looked at, in a word or two.
        verdict: "problem" where something will not work, "warning" where it works less well.
        says: one clause with what was found.
        cure: one clause that says what to do; empty where all is well.
    """

    subject: str
    verdict: Verdict
    says: str
    cure: str = ""


Check = Callable[[Surroundings], Iterator[Finding]]
"""Looks at one thing; yields nothing where there is nothing of the kind."""


def ok(subject: str, says: str) -> Finding:
    """All is well.

    Args:
        subject: what was looked at, in a word or two.
        says: what was found.
    """
    return Finding(subject, "ok", says)


def warning(subject: str, says: str, cure: str) -> Finding:
    """It works, but less well than it could.

    Args:
        subject: what was looked at, in a word or two.
        says: what was found.
        cure: what to do about it.
    """
    return Finding(subject, "warning", says, cure)


def problem(subject: str, says: str, cure: str) -> Finding:
    """It will not work.

    Args:
        subject: what was looked at, in a word or two.
        says: what was found.
        cure: what to do about it.
    """
    return Finding(subject, "problem", says, cure)
