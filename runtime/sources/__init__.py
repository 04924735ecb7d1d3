"""Sources of frames: one interface for files, folders, cameras, addresses and a test pattern.

Files and folders are read in this process and lose nothing. A live network or camera source runs in
a child process, since the libraries that read cameras may block for ever and only a process can be
killed; its newest frame wins.
"""

from __future__ import annotations

from pathlib import Path
from types import TracebackType
from typing import Callable, Iterator, Optional, Type

from typing_extensions import Literal, Protocol

from runtime.errors import SourceFailed
from runtime.frame import Frame
from runtime.sources.address import address_from_uri

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


def _nobody_minds() -> None:
    """For readers to whom silence makes no difference until it is final."""


def open_source(uri: str, on_stall: Callable[[], None] = _nobody_minds) -> Source:
    """The source at an address; nothing is opened before its `with` block.

    Args:
        uri: a video file, a picture or a folder of pictures, `/dev/videoN` or
            `usb:/dev/v4l/by-id/NAME`, `rtsp://...`, `http://...` (MJPEG), `csi:N`, or
            `synthetic:WIDTHxHEIGHT@FPS`.
        on_stall: called by the reading thread when a frame of a live source is overdue; the source
            then gets as long again before it is given up.

    Raises:
        InvalidInput: the address has none of these forms.
    """
    address = address_from_uri(uri)
    if address.kind == "synthetic":
        from runtime.sources.synthetic import SyntheticSource

        return SyntheticSource(address)
    if address.live:
        from runtime.sources.live import LiveSource

        return LiveSource(uri, on_stall)
    from runtime.sources.images import ImageFolder, is_picture

    path = Path(address.target)
    if path.is_dir() or is_picture(path):
        return ImageFolder(path)
    from runtime.sources.video import VideoFile

    return VideoFile(path)
