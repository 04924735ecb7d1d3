"""A folder of images, or a single one, as a source that loses nothing."""

from __future__ import annotations

import time
from pathlib import Path
from types import TracebackType
from typing import Iterator, List, Optional, Type

from runtime.errors import InvalidInput, SourceFailed
from runtime.image.codec import decode_file
from runtime.image.folder import IMAGE_ENDINGS, in_counting_order, list_folder
from runtime.image.frame import Frame
from runtime.names import shown


class ImageFolder:
    """The images of a folder in counting order; sizes may differ."""

    live = False
    frame_rate: Optional[float] = None

    def __init__(self, path: Path) -> None:
        self._path = path
        self._images: List[Path] = []
        self._next = 0
        self._interrupted = False

    def __enter__(self) -> ImageFolder:
        try:
            listed = _images_in(self._path) if self._path.is_dir() else [self._path]
        except InvalidInput as fault:
            raise SourceFailed(fault.problem, fault.cure) from fault
        self._images = sorted(listed, key=in_counting_order)
        if not self._images:
            raise SourceFailed(
                f"the folder {self._path} holds no images",
                f"Put files in it: {', '.join(IMAGE_ENDINGS)}",
            )
        self._next = 0
        return self

    def __exit__(
        self,
        kind: Optional[Type[BaseException]],
        error: Optional[BaseException],
        trace: Optional[TracebackType],
    ) -> None:
        self._images = []

    def read(self) -> Optional[Frame]:
        """The next image.

        Raises:
            SourceFailed: its file is missing, damaged or no JPEG, PNG or WebP image. It is named,
                not left out in silence, which would falsify results.
        """
        if self._interrupted or self._next >= len(self._images):
            return None
        number, path = self._next, self._images[self._next]
        try:
            pixels = decode_file(path)
        except InvalidInput as fault:
            raise SourceFailed(fault.problem, fault.cure) from fault
        self._next += 1
        return Frame(pixels, number, time.time(), shown(path.name))

    def interrupt(self) -> None:
        """Ends the folder."""
        self._interrupted = True

    def __iter__(self) -> Iterator[Frame]:
        return iter(self.read, None)


def _images_in(folder: Path) -> List[Path]:
    """All that is named as an image, so that what cannot be read is told of when its turn comes."""
    listing = list_folder(folder)
    return [*listing.images, *listing.unread]
