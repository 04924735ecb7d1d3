"""Images and label maps of one split, paired by name: every image has one map of its own."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Dict, Sequence, Tuple

from runtime.builder.data.dataset import Sample
from runtime.errors import InvalidInput
from runtime.image.folder import (
    FolderListing,
    images_of,
    list_below,
    list_folder,
    named,
)
from runtime.names import shown


@dataclass(frozen=True)
class PairedSplit:
    """The samples of a split, and what lies beside them.

    Attributes:
        samples: sorted by name.
        remarks: what is not used, in sentences.
    """

    samples: Tuple[Sample, ...]
    remarks: Tuple[str, ...]


def paired_split(split: str, images: Path, labels: Path) -> PairedSplit:
    """Pairs `a.jpg` of one folder with `a.png` of the other.

    Args:
        split: the name of the part of the dataset.
        images: folder of the images, which has to hold nothing but these; hidden files are left
            out and counted.
        labels: folder of the label maps.

    Raises:
        InvalidInput: an image has no map or shares one, or is in a format or a folder that is not
            read.
    """
    found, listing = images_of(images), list_folder(images)
    _require_none_below(images, listing)
    _require_names_of_their_own(found)
    maps = _maps_by_name(labels)
    missing = [image for image in found if image.stem not in maps]
    if missing:
        others = f", and {len(missing) - 1} more images have none" if len(missing) > 1 else ""
        raise InvalidInput(
            f"{missing[0]} has no label map: {labels / missing[0].stem}.png does not exist{others}",
            "Add it or take the image out",
        )
    samples = tuple(Sample(shown(i.stem), shown(split), i, maps.pop(i.stem)) for i in found)
    remarks = []
    if maps:
        remarks.append(f"{named(sorted(maps.values()), 'label map')} in {labels} without image")
    if listing.others:
        remarks.append(f"{named(listing.others, 'other file')} in {images} left out")
    if listing.hidden:
        remarks.append(hidden_left_out(listing.hidden, images))
    return PairedSplit(samples, tuple(remarks))


def hidden_left_out(count: int, folder: Path) -> str:
    """The remark on files whose names begin with a dot."""
    return f"{count} hidden file{'s' if count > 1 else ''} in {folder} left out"


def _require_none_below(folder: Path, listing: FolderListing) -> None:
    for below in listing.folders:
        inside = list_below(below)
        images = [*inside.images, *inside.unread]
        if images:
            raise InvalidInput(
                f"{named(images, 'image')} in the folder {below} would be left out",
                f"Move them to {folder}, or the folder to another place",
            )


def _require_names_of_their_own(images: Sequence[Path]) -> None:
    owners: Dict[str, Path] = {}
    for image in images:
        owner = owners.setdefault(image.stem, image)
        if owner is not image:
            raise InvalidInput(
                f"{owner} and {image.name} would share the label map {image.stem}.png",
                "Give each image a name and a label map of its own",
            )


def _maps_by_name(folder: Path) -> Dict[str, Path]:
    maps: Dict[str, Path] = {}
    if not folder.is_dir():
        return maps
    for path in list_folder(folder).images:
        if path.suffix.lower() != ".png":
            continue
        if path.stem in maps:
            raise InvalidInput(
                f"{maps[path.stem]} and {path.name} are two label maps of one image",
                "Keep one of them",
            )
        maps[path.stem] = path
    return maps
