"""One image, or all below a folder, to label maps and overlays."""

from __future__ import annotations

import time
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Dict, Iterator, List, Optional, Tuple

from runtime.batch.options import Report, Run
from runtime.batch.output_folder import write_result
from runtime.batch.result_ledger import Made, sha256_of_source
from runtime.batch.slot_pool import in_order
from runtime.errors import InvalidInput
from runtime.image.codec import decode_file
from runtime.image.folder import FolderListing, in_counting_order, list_below
from runtime.image.frame import Frame
from runtime.image.mask_formats import FORMATS
from runtime.inference.segmenter import Segmenter
from runtime.names import shown


@dataclass(frozen=True)
class _Masks:
    """What one image becomes."""

    labels: Path
    overlay: Path


class Images:
    """One image, or all below a folder; their masks lie in the output as they do in theirs."""

    def __init__(self, run: Run, source: Path) -> None:
        self._run = run
        base, images = source.parent, [source]
        self._hidden = 0
        if source.is_dir():
            listing = list_below(source)
            base, images = source, _images_among(listing, source, but_not=run.folder.path)
            self._hidden = listing.hidden
        self._masks: Dict[Path, _Masks] = {}
        for image in images:
            name = run.folder.path / image.relative_to(base)
            self._masks[image] = _Masks(name.with_suffix(".png"), name.with_suffix(".overlay.jpg"))

    def results(self) -> Iterator[Path]:
        """The label map and the overlay of each image."""
        for masks in self._masks.values():
            yield from (masks.labels, masks.overlay)

    def segment(self) -> Report:
        """Makes those that are not finished; what is wrong with an image is reported."""
        failures = self._namesakes()
        todo = [p for p in self._masks if p not in failures and not self._is_finished(p)]
        skipped = len(self._masks) - len(failures) - len(todo)
        works = (partial(self._remembering, image) for image in todo)
        with in_order(works, self._run.segmenters) as outcomes:
            for done, (image, (made, failure)) in enumerate(zip(todo, outcomes), start=1):
                if failure is not None:
                    failures[image] = failure
                elif made is not None:
                    self._run.folder.note(self._masks[image].overlay, made)
                self._run.progress(shown(image.name), skipped + done, len(self._masks))
        named = [failures[image] for image in self._masks if image in failures]
        done = len(self._masks) - len(failures) - skipped
        return Report(done, skipped, named, self._hidden)

    def _is_finished(self, image: Path) -> bool:
        masks = self._masks[image]
        if not (masks.labels.exists() and masks.overlay.exists()):
            return False
        made = _made_from(image)
        return made is not None and self._run.folder.made(masks.overlay, made.source) is not None

    def _namesakes(self) -> Dict[Path, str]:
        """Images whose masks would replace those of an earlier one, as a.png after a.jpg."""
        owners: Dict[Path, Path] = {}
        for image, masks in self._masks.items():
            owners.setdefault(masks.labels, image)
        return {
            image: f"{image}: its mask would have the name of that of {owners[masks.labels].name}"
            for image, masks in self._masks.items()
            if owners[masks.labels] is not image
        }

    def _remembering(
        self, image: Path, segmenter: Segmenter
    ) -> Tuple[Optional[Made], Optional[str]]:
        """What the masks are made from, known before they are, and what is wrong with the image."""
        return _made_from(image), self._segment_one(image, segmenter)

    def _segment_one(self, image: Path, segmenter: Segmenter) -> Optional[str]:
        """Writes the masks; returns what is wrong with the image, if anything."""
        options = self._run.options
        if not image.is_file():
            return f"{image}: it is no file that can be read"
        try:
            pixels = decode_file(image, options.limits)
        except InvalidInput as fault:
            return str(fault)
        # Both are of the image's own size and drawn on its own pixels: no more is wanted.
        segmentation = segmenter.segment(Frame(pixels, 0, time.time(), shown(image.name)))
        masks = self._masks[image]
        write_result(masks.labels, FORMATS["png"].encode(segmentation, options.encode))
        write_result(masks.overlay, FORMATS["overlay"].encode(segmentation, options.encode))
        return None


def _made_from(image: Path) -> Optional[Made]:
    """None where it cannot be read, which its decoder tells; a pipe would never end."""
    if not image.is_file():
        return None
    try:
        return Made(sha256_of_source(image))
    except OSError:
        return None


def _images_among(listing: FolderListing, folder: Path, but_not: Path) -> List[Path]:
    """All that is named as an image, so that what cannot be read is reported as such."""
    results = but_not.resolve()
    images = [
        path for path in (*listing.images, *listing.unread) if results not in path.resolve().parents
    ]
    if not images:
        raise InvalidInput(f"the folder {folder} holds no images", "Name one that does")
    return sorted(images, key=lambda path: (path.parent, in_counting_order(path)))
