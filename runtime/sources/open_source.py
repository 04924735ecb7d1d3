"""Sources of frames: one interface for files, folders, cameras, addresses and a test pattern.

Files and folders are read in this process and lose nothing. A live network or camera source runs in
a child process, since the libraries that read cameras may block for ever and only a process can be
killed; its newest frame wins.
"""

from __future__ import annotations

from pathlib import Path
from typing import Callable

from runtime.sources.address import address_from_uri
from runtime.sources.source import Source


def _nobody_minds() -> None:
    """For readers to whom silence makes no difference until it is final."""


def open_source(uri: str, on_stall: Callable[[], None] = _nobody_minds) -> Source:
    """The source at an address; nothing is opened before its `with` block.

    Args:
        uri: a video file, an image or a folder of images, `/dev/videoN` or
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
    from runtime.image.folder import is_image
    from runtime.sources.images import ImageFolder

    path = Path(address.target)
    if path.is_dir() or is_image(path):
        return ImageFolder(path)
    from runtime.sources.video import VideoFile

    return VideoFile(path)
