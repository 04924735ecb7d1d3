"""One image, or all below a folder, to label maps and overlays."""

from __future__ import annotations

import time
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Dict, Iterator, List, Optional

from runtime.batch.options import Report, Run
from runtime.batch.output_folder import write_result
from runtime.batch.slot_pool import in_order
from runtime.errors import InvalidInput
from runtime.image.codec import decode_file
from runtime.image.frame import Frame
from runtime.image.mask_formats import FORMATS
from runtime.inference.segmenter import Segmenter
from runtime.names import shown
from runtime.sources.images import in_counting_order, is_image


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
        if source.is_dir():
            base, images = source, _images_below(source, but_not=run.folder.path)
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
        works = (partial(self._segment_one, image) for image in todo)
        with in_order(works, self._run.segmenters) as outcomes:
            for done, (image, failure) in enumerate(zip(todo, outcomes), start=1):
                if failure is not None:
                    failures[image] = failure
                self._run.progress(shown(image.name), skipped + done, len(self._masks))
        named = [failures[image] for image in self._masks if image in failures]
        return Report(len(self._masks) - len(failures) - skipped, skipped, named)

    def _is_finished(self, image: Path) -> bool:
        masks, folder = self._masks[image], self._run.folder
        return folder.is_finished(masks.labels, image) and folder.is_finished(masks.overlay, image)

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

    def _segment_one(self, image: Path, segmenter: Segmenter) -> Optional[str]:
        """Writes the masks; returns what is wrong with the image, if anything."""
        options = self._run.options
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


def _images_below(folder: Path, but_not: Path) -> List[Path]:
    results = but_not.resolve()
    images = [
        path
        for path in folder.rglob("*")
        if is_image(path) and path.is_file() and results not in path.resolve().parents
    ]
    if not images:
        raise InvalidInput(f"the folder {folder} holds no images", "Name one that does")
    return sorted(images, key=lambda path: (path.parent, in_counting_order(path)))
