"""One picture, or all below a folder, to label maps and overlays."""

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
from runtime.image.codec import decode_image
from runtime.image.frame import Frame
from runtime.image.mask_formats import FORMATS
from runtime.inference.segmenter import Segmenter
from runtime.sources.images import in_counting_order, is_picture


@dataclass(frozen=True)
class _Masks:
    """What one picture becomes."""

    labels: Path
    overlay: Path


class Pictures:
    """One picture, or all below a folder; their masks lie in the output as they do in theirs."""

    def __init__(self, run: Run, source: Path) -> None:
        self._run = run
        base, pictures = source.parent, [source]
        if source.is_dir():
            base, pictures = source, _pictures_below(source, but_not=run.folder.path)
        self._masks: Dict[Path, _Masks] = {}
        for picture in pictures:
            name = run.folder.path / picture.relative_to(base)
            self._masks[picture] = _Masks(
                name.with_suffix(".png"), name.with_suffix(".overlay.jpg")
            )

    def results(self) -> Iterator[Path]:
        """The label map and the overlay of each picture."""
        for masks in self._masks.values():
            yield from (masks.labels, masks.overlay)

    def segment(self) -> Report:
        """Makes those that are not finished; what is wrong with a picture is reported."""
        failures = self._namesakes()
        todo = [p for p in self._masks if p not in failures and not self._is_finished(p)]
        skipped = len(self._masks) - len(failures) - len(todo)
        works = (partial(self._segment_one, picture) for picture in todo)
        with in_order(works, self._run.segmenters) as outcomes:
            for done, (picture, failure) in enumerate(zip(todo, outcomes), start=1):
                if failure is not None:
                    failures[picture] = failure
                self._run.progress(picture.name, skipped + done, len(self._masks))
        named = [
            f"{picture}: {failures[picture]}" for picture in self._masks if picture in failures
        ]
        return Report(len(self._masks) - len(failures) - skipped, skipped, named)

    def _is_finished(self, picture: Path) -> bool:
        masks, folder = self._masks[picture], self._run.folder
        return folder.is_finished(masks.labels, picture) and folder.is_finished(
            masks.overlay, picture
        )

    def _namesakes(self) -> Dict[Path, str]:
        """Pictures whose masks would replace those of an earlier one, as a.png after a.jpg."""
        owners: Dict[Path, Path] = {}
        for picture, masks in self._masks.items():
            owners.setdefault(masks.labels, picture)
        return {
            picture: f"its mask would have the name of that of {owners[masks.labels].name}"
            for picture, masks in self._masks.items()
            if owners[masks.labels] is not picture
        }

    def _segment_one(self, picture: Path, segmenter: Segmenter) -> Optional[str]:
        """Writes the masks; returns what is wrong with the picture, if anything."""
        options = self._run.options
        try:
            pixels = decode_image(picture.read_bytes(), options.limits)
        except InvalidInput as error:
            return str(error)
        except OSError as error:
            return f"it cannot be read: {error.strerror}"
        # Both are of the picture's own size and drawn on its own pixels: no more is wanted.
        segmentation = segmenter.segment(Frame(pixels, 0, time.time(), picture.name))
        masks = self._masks[picture]
        write_result(masks.labels, FORMATS["png"].encode(segmentation, options.encode))
        write_result(masks.overlay, FORMATS["overlay"].encode(segmentation, options.encode))
        return None


def _pictures_below(folder: Path, but_not: Path) -> List[Path]:
    results = but_not.resolve()
    pictures = [
        path
        for path in folder.rglob("*")
        if is_picture(path) and path.is_file() and results not in path.resolve().parents
    ]
    if not pictures:
        raise InvalidInput(f"the folder {folder} holds no pictures", "Name one that does")
    return sorted(pictures, key=lambda path: (path.parent, in_counting_order(path)))
