"""Every fault the runtime raises on purpose: each names the thing, the value and the cure."""

from __future__ import annotations

from runtime.names import encodable


class RuntimeFault(Exception):
    """Base of all expected faults.

    Args:
        problem: one clause naming the thing and the offending value.
        cure: one clause telling the reader what to do about it.
    """

    def __init__(self, problem: str, cure: str) -> None:
        # Both quote names of files, and end in logs, on sockets and in JSON.
        self.problem = encodable(problem)
        self.cure = encodable(cure)
        super().__init__(self.problem, self.cure)

    def __str__(self) -> str:
        return f"{self.problem}. {self.cure}."


class InvalidInput(RuntimeFault):
    """A request, file or argument from outside that cannot be used as it is."""


class UnsupportedFormat(InvalidInput):
    """A media type or output format that the runtime does not know."""


class TooLarge(InvalidInput):
    """An input beyond the configured bounds, refused before memory is spent on it."""


class InvalidConfig(RuntimeFault):
    """A daemon setting, recipe or manifest that contradicts its schema."""


class EngineRefused(RuntimeFault):
    """An engine folder that is broken, foreign to this machine, or not what its manifest says."""


class EngineFailed(RuntimeFault):
    """An engine that stopped computing; results since its last good one are not to be trusted."""


class SourceFailed(RuntimeFault):
    """A camera, address or file that cannot be opened or stopped delivering frames."""


class OutputFailed(RuntimeFault):
    """A result that cannot be written where it belongs: no room, no right, or a broken encoder."""


class BuildFailed(RuntimeFault):
    """A step of the offline builder that cannot produce its artefact."""


class Overloaded(RuntimeFault):
    """More work than the engine can take; try again after `retry_after` seconds."""

    def __init__(self, problem: str, cure: str, retry_after: float) -> None:
        super().__init__(problem, cure)
        self.retry_after = retry_after


class Expired(RuntimeFault):
    """Work whose deadline passed, or whose client left, before it was started."""
