"""The images of a folder: which files are one, what is left out, and in which order they count."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Iterable, List, Sequence, Tuple, Union

from runtime.errors import InvalidInput

SHOWN_NAMES = 4

IMAGE_ENDINGS = (".jpg", ".jpeg", ".png", ".webp")
"""Of the formats that are read."""

FOREIGN_ENDINGS = (
    *(".bmp", ".tif", ".tiff", ".gif", ".heic", ".heif", ".avif"),
    *(".jp2", ".jxl", ".ppm", ".pgm"),
)
"""Of images in formats that are not read: they are told of, never passed over in silence."""


def is_image(path: Path) -> bool:
    """Whether the file's name is that of an image, in a format that is read or in another."""
    return path.suffix.lower() in (*IMAGE_ENDINGS, *FOREIGN_ENDINGS)


def is_hidden(path: Path) -> bool:
    """Whether a file is no concern of the folder's owner: `.DS_Store`, macOS's `._a.jpg`."""
    return path.name.startswith(".")


def in_counting_order(path: Path) -> List[Tuple[bool, Union[int, str]]]:
    """Sort key by which frame2.png comes before frame10.png."""
    parts = re.split(r"(\d+)", path.name)
    return [(not part.isdecimal(), int(part) if part.isdecimal() else part) for part in parts]


@dataclass(frozen=True)
class FolderListing:
    """What lies in a folder.

    Attributes:
        images: files in formats that are read, sorted by path.
        unread: what is named as an image and cannot be read as one, sorted by path: another
            format, a link to nowhere, a pipe.
        folders: other folders in it, sorted by path.
        hidden: how many files and folders have names that begin with a dot; none is listed.
    """

    images: Tuple[Path, ...]
    unread: Tuple[Path, ...]
    folders: Tuple[Path, ...]
    hidden: int


def list_folder(folder: Path) -> FolderListing:
    """What lies in a folder itself; folders in it are not entered.

    Args:
        folder: an existing one.

    Raises:
        OSError: it cannot be listed.
    """
    return _sorted_out(folder.iterdir())


def list_below(folder: Path) -> FolderListing:
    """What lies in a folder and in those below it; hidden folders are not entered.

    Args:
        folder: an existing one.

    Raises:
        OSError: it cannot be listed.
    """
    here = list_folder(folder)
    # A link to a folder is not followed: it may lead back to where it stands.
    parts = [here, *(list_below(below) for below in here.folders if not below.is_symlink())]
    return FolderListing(
        images=tuple(path for part in parts for path in part.images),
        unread=tuple(path for part in parts for path in part.unread),
        folders=tuple(path for part in parts for path in part.folders),
        hidden=sum(part.hidden for part in parts),
    )


def images_of(folder: Path) -> Tuple[Path, ...]:
    """The images of a folder itself, sorted by name; none of them is passed over.

    Args:
        folder: an existing one. What is hidden in it, and folders in it, are left alone.

    Raises:
        InvalidInput: something named as an image cannot be read as one.
    """
    listing = list_folder(folder)
    if listing.unread:
        raise InvalidInput(
            f"{folder} holds {named(listing.unread, 'image')} that cannot be read",
            "Convert what is there to JPEG, PNG or WebP, or take it out of the folder",
        )
    return listing.images


def named(paths: Sequence[Path], what: str) -> str:
    """How many files there are, and what the first ones are called: "2 images (a.bmp, b.gif)".

    Args:
        paths: at least one.
        what: one of them is, such as "image".
    """
    names = ", ".join(path.name for path in paths[:SHOWN_NAMES])
    more = ", ..." if len(paths) > SHOWN_NAMES else ""
    return f"{len(paths)} {what}{'s' if len(paths) > 1 else ''} ({names}{more})"


def _sorted_out(entries: Iterable[Path]) -> FolderListing:
    seen = sorted(entries)
    shown = [path for path in seen if not is_hidden(path)]
    folders = tuple(path for path in shown if path.is_dir())
    named = [path for path in shown if is_image(path) and not path.is_dir()]
    images = tuple(p for p in named if p.suffix.lower() in IMAGE_ENDINGS and p.is_file())
    return FolderListing(
        images=images,
        unread=tuple(path for path in named if path not in set(images)),
        folders=folders,
        hidden=len(seen) - len(shown),
    )
