"""A video to a video of overlays, and to label maps if these are asked for."""

from __future__ import annotations

import os
import shutil
from contextlib import ExitStack
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Iterator, Optional, Sequence

import numpy as np

from runtime.batch.options import Report, Run
from runtime.batch.output_folder import write_result
from runtime.batch.slot_pool import in_order
from runtime.batch.video_writer import VideoWriter, declared_frames, h264_encoder
from runtime.errors import InvalidInput
from runtime.image.codec import blend
from runtime.image.frame import Frame
from runtime.image.label_map import LabelMap
from runtime.image.label_png import ids_from_png, palette_png
from runtime.inference.segmenter import Segmenter
from runtime.names import shown
from runtime.sources.open_source import open_source

# Bytes in the name of a file, on all file systems that Linux keeps data on.
LONGEST_NAME = 255
# Frames a second of a video that does not say.
UNDECLARED_RATE = 25.0
# Containers only estimate their number of frames; less than this share of it is damage.
EXPECTED_SHARE = 0.99


class Video:
    """A video; its label maps, if asked for, become a folder when they are complete."""

    def __init__(self, run: Run, source: Path) -> None:
        self._run = run
        self._source = source
        self._overlay = run.folder.path / f"{source.stem}.mp4"
        self._labels = run.folder.path / f"{source.stem}.labels"
        self._unfinished_labels = run.folder.path / f".{source.stem}.labels.partial"
        longest = len(os.fsencode(self._unfinished_labels.name))
        if longest > LONGEST_NAME:
            raise InvalidInput(
                f"{source} has results whose names are {longest} bytes long, and file systems take "
                f"{LONGEST_NAME}",
                "Give the video a shorter name",
            )

    def results(self) -> Iterator[Path]:
        """The video of overlays, the label maps, and those of an unfinished run."""
        yield from (self._overlay, self._labels, self._unfinished_labels)

    def segment(self) -> Report:
        """Makes what is not finished."""
        run = self._run
        if self._is_finished():
            return Report(done=0, skipped=1)
        if run.options.label_maps:
            self._drop_stale_labels()
        expected, written = declared_frames(self._source), 0
        with ExitStack() as open_now:
            # Absolute: a file may be called `csi:0`.
            video = open_now.enter_context(open_source(str(self._source.absolute())))
            frames = iter(video)
            first = next(frames)
            works = (partial(self._image, frame) for frame in chain([first], frames))
            rate, size = video.frame_rate or UNDECLARED_RATE, (first.height, first.width)
            writer = VideoWriter(self._overlay, size, rate, h264_encoder())
            open_now.enter_context(writer)
            for image in open_now.enter_context(in_order(works, run.segmenters)):
                writer.write(image)
                written += 1
                run.progress(shown(self._source.name), written, expected)
        if run.options.label_maps:
            self._unfinished_labels.replace(self._labels)
        return Report(written, failures=_shortfall(self._source, written, expected))

    def _is_finished(self) -> bool:
        labels_too = not self._run.options.label_maps or self._labels.is_dir()
        return labels_too and self._run.folder.is_finished(self._overlay, self._source)

    def _drop_stale_labels(self) -> None:
        """Removes label maps of what the video was before, so that none outlives its frame."""
        if self._labels.is_dir():
            shutil.rmtree(self._labels)
        for path in self._unfinished_labels.glob("*.png"):
            if not self._run.folder.is_finished(path, self._source):
                path.unlink()

    def _image(self, frame: Frame, segmenter: Segmenter) -> np.ndarray:
        """A frame under its mask."""
        if self._run.options.label_maps:
            labels = self._kept_labels(frame, segmenter)
        else:
            labels = segmenter.segment(frame).labels
        return blend(frame.pixels, labels, self._run.options.encode.opacity)

    def _kept_labels(self, frame: Frame, segmenter: Segmenter) -> LabelMap:
        """The frame's mask: the one that an interrupted run left, or a new one that is kept."""
        path = self._unfinished_labels / f"{frame.number:06}.png"
        if path.exists():
            ids = ids_from_png(path.read_bytes())
            if ids.shape == (frame.height, frame.width):
                return LabelMap(ids, segmenter.manifest.classes.to_classes())
        labels = segmenter.segment(frame).labels
        write_result(path, palette_png(labels))
        return labels


def _shortfall(source: Path, decoded: int, expected: Optional[int]) -> Sequence[str]:
    if expected is None or decoded >= min(expected - 1, expected * EXPECTED_SHARE):
        return ()
    return [f"{source}: only {decoded} of its {expected} frames can be decoded"]
