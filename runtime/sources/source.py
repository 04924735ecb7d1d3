"""What every source of frames is."""

from __future__ import annotations

from types import TracebackType
from typing import Iterator, Optional, Type

from typing_extensions import Literal, Protocol

from runtime.errors import SourceFailed
from runtime.image.frame import Frame

LossReason = Literal[
    "refused", "auth", "not_found", "timeout", "stall", "ended", "undecodable", "died"
]


class SourceLost(SourceFailed):
    """A live source that did not answer or fell silent; trying again may help.

    Args:
        problem: one clause naming the source and what happened.
        cure: one clause telling the reader what to do about it.
        reason: what is counted. The camera or server turned us away (refused, auth, not_found), did
            not answer (timeout), fell silent (stall), ended the stream (ended) or sent what cannot
            be decoded (undecodable); or the process that captures it died.
    """

    def __init__(self, problem: str, cure: str, reason: LossReason) -> None:
        super().__init__(problem, cure)
        self.reason = reason


class Source(Protocol):
    """Frames, one after another. Opened by `with`; used by one thread, except `interrupt`."""

    @property
    def live(self) -> bool:
        """Whether frames are lost when nobody reads them."""

    @property
    def frame_rate(self) -> Optional[float]:
        """Frames per second as declared, to pace playback; None where nothing is declared.

        Cameras declare rates that they do not keep: never control anything live by it.
        """

    def read(self) -> Optional[Frame]:
        """The next frame of a file, the newest of a live source; blocks until there is one.

        Frames are numbered from 0 as they were captured; a gap shows what was lost on the way.

        Returns:
            None after the last frame, or after `interrupt`.

        Raises:
            SourceLost: a live source did not answer, ended or fell silent.
            SourceFailed: the source cannot be read at all; trying again will not help.
        """

    def interrupt(self) -> None:
        """Makes a blocked and every later `read` return None at once. Safe from any thread."""

    def __iter__(self) -> Iterator[Frame]:
        """The frames that `read` gives."""

    def __enter__(self) -> Source: ...

    def __exit__(
        self,
        kind: Optional[Type[BaseException]],
        error: Optional[BaseException],
        trace: Optional[TracebackType],
    ) -> None: ...
