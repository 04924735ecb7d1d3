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
        others: files that are not named as images, sorted by path.
        hidden: how many files and folders have names that begin with a dot; none is listed.
    """

    images: Tuple[Path, ...]
    unread: Tuple[Path, ...]
    folders: Tuple[Path, ...]
    others: Tuple[Path, ...]
    hidden: int


def list_folder(folder: Path) -> FolderListing:
    """What lies in a folder itself; folders in it are not entered.

    Raises:
        InvalidInput: it is no folder, or cannot be listed.
    """
    try:
        return _sorted_out(folder.iterdir())
    except OSError as error:
        raise InvalidInput(
            f"the folder {folder} cannot be listed: {error.strerror}",
            "Give the path of a folder that this user may read",
        ) from error


def list_below(folder: Path) -> FolderListing:
    """What lies in a folder and in those below it; hidden folders are not entered.

    Raises:
        InvalidInput: one of them cannot be listed.
    """
    here = list_folder(folder)
    # A link to a folder is not followed: it may lead back to where it stands.
    parts = [here, *(list_below(below) for below in here.folders if not below.is_symlink())]
    return FolderListing(
        images=tuple(path for part in parts for path in part.images),
        unread=tuple(path for part in parts for path in part.unread),
        folders=tuple(path for part in parts for path in part.folders),
        others=tuple(path for part in parts for path in part.others),
        hidden=sum(part.hidden for part in parts),
    )


def images_of(folder: Path) -> Tuple[Path, ...]:
    """The images of a folder itself, sorted by name; none of them is passed over.

    Args:
        folder: what is hidden in it, and folders in it, are left alone.

    Raises:
        InvalidInput: it cannot be listed, or something named as an image cannot be read as one.
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
    folders = {path for path in shown if path.is_dir()}
    called_images = [path for path in shown if is_image(path) and path not in folders]
    images = {p for p in called_images if p.suffix.lower() in IMAGE_ENDINGS and p.is_file()}
    return FolderListing(
        images=tuple(path for path in called_images if path in images),
        unread=tuple(path for path in called_images if path not in images),
        folders=tuple(path for path in shown if path in folders),
        others=tuple(path for path in shown if not is_image(path) and path not in folders),
        hidden=len(seen) - len(shown),
    )
