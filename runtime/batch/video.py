"""A video to a video of overlays, and to label maps if these are asked for."""

from __future__ import annotations

import os
import shutil
from collections import deque
from contextlib import ExitStack
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Callable, Deque, Iterator, List, Optional, Tuple

import numpy as np

from runtime.batch.ffmpeg import Size, h264_encoder, picture_sizes
from runtime.batch.options import Report, Run
from runtime.batch.output_folder import write_result
from runtime.batch.result_ledger import Made, sha256_of_source
from runtime.batch.slot_pool import in_order
from runtime.batch.video_writer import VideoWriter, constant_rate
from runtime.errors import InvalidInput, SourceFailed
from runtime.image.codec import blend
from runtime.image.frame import Frame
from runtime.image.label_map import LabelMap
from runtime.image.label_png import ids_from_png, palette_png
from runtime.inference.segmenter import Segmenter
from runtime.names import shown
from runtime.sources.mp4 import read_mp4_track
from runtime.sources.video import UNDECLARED_RATE, Extent, VideoFile

# Containers round their lengths; less than this share of it is damage.
EXPECTED_SHARE = 0.99
LONGEST_NAME = 255


class Video:
    """A video; its label maps, if asked for, become a folder when they are complete.

    Raises:
        InvalidInput: its name is so long that its results could not be named after it.
    """

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
        """Makes what is not finished; what was wrong with a finished video is told again."""
        run, digest = self._run, self._digest()
        made = run.folder.made(self._overlay, digest)
        if made is not None and (not run.options.label_maps or self._labels.is_dir()):
            return (
                Report(0, skipped=1, notes=_told(made.note))
                if made.failure is None
                else _report(made)
            )
        if run.options.label_maps:
            self._drop_stale_labels(digest)
        ffmpeg = h264_encoder()
        if ffmpeg is not None:
            self._refuse_switching(ffmpeg)
        positions, extent, note = self._write(ffmpeg)
        if run.options.label_maps:
            self._unfinished_labels.replace(self._labels)
        failure = _shortfall(self._source, positions, extent)
        made = Made(digest, failure, len(positions), note)
        run.folder.note(self._overlay, made)
        return _report(made)

    def _digest(self) -> str:
        try:
            return sha256_of_source(self._source)
        except OSError as error:
            raise SourceFailed(
                f"{self._source} cannot be read: {error.strerror}", "Give this user the right to"
            ) from error

    def _refuse_switching(self, ffmpeg: str) -> None:
        """Raises SourceFailed where pictures change their size: OpenCV would cut the later ones."""
        track = read_mp4_track(self._source)
        if track is not None and track.formats == 1:
            return
        sizes = picture_sizes(ffmpeg, self._source)
        if len(sizes) > 1:
            told = ", then ".join(f"{width} x {height}" for height, width in sizes)
            raise SourceFailed(
                f"{self._source} changes its size on the way: {told} pixels",
                "Cut it where the size changes, or convert it to one size, for example with "
                "`ffmpeg -i IN -vf scale=W:H OUT.mp4`",
            )

    def _write(self, ffmpeg: Optional[str]) -> Tuple[List[float], Extent, Optional[str]]:
        """Writes the overlays; the position of every frame, what was declared, and what to note."""
        rate, note = (None, None) if ffmpeg is not None else self._constant_rate()
        positions: List[float] = []
        waiting: Deque[float] = deque()
        with ExitStack() as open_now:
            video = open_now.enter_context(VideoFile(self._source))
            frames = iter(video)
            first = next(frames)
            works = self._works(chain([first], frames), waiting)
            rate = rate or video.frame_rate or UNDECLARED_RATE
            size: Size = (first.height, first.width)
            writer = open_now.enter_context(VideoWriter(self._overlay, size, rate, ffmpeg))
            expected = _expected_frames(video)
            for image in open_now.enter_context(in_order(works, self._run.segmenters)):
                positions.append(waiting.popleft())
                writer.write(image, positions[-1])
                self._run.progress(shown(self._source.name), len(positions), expected)
        return positions, video.extent, note

    def _works(
        self, frames: Iterator[Frame], waiting: Deque[float]
    ) -> Iterator[Callable[[Segmenter], np.ndarray]]:
        for frame in frames:
            waiting.append(frame.position or 0.0)
            yield partial(self._image, frame)

    def _constant_rate(self) -> Tuple[float, Optional[str]]:
        """The rate of a file that has no time stamps, and what its reader has to know of it."""
        with VideoFile(self._source) as video:
            declared = video.frame_rate or UNDECLARED_RATE
            rate, even = constant_rate(np.array(video.positions()), declared)
        if even:
            return rate, None
        return rate, (
            f"{self._source}: its frames follow at varying times; without ffmpeg the overlay "
            f"repeats them at a constant {rate:g} frames a second, so that it lasts as long. "
            "Install ffmpeg with libx264 for exact times."
        )

    def _drop_stale_labels(self, digest: str) -> None:
        """Removes label maps of what the video was before, so that none outlives its frame."""
        folder, unfinished = self._run.folder, self._unfinished_labels
        if self._labels.is_dir():
            shutil.rmtree(self._labels)
        if unfinished.is_dir() and folder.made(unfinished, digest) is None:
            shutil.rmtree(unfinished)
        folder.note(unfinished, Made(digest, "it is unfinished"))

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


def _report(made: Made) -> Report:
    return Report(made.done, failures=_told(made.failure), notes=_told(made.note))


def _told(sentence: Optional[str]) -> List[str]:
    return [] if sentence is None else [sentence]


def _expected_frames(video: VideoFile) -> Optional[int]:
    """How many frames progress counts to."""
    extent = video.extent
    if extent.frames is not None or extent.seconds is None or video.frame_rate is None:
        return extent.frames
    return round(extent.seconds * video.frame_rate)


def _shortfall(source: Path, positions: List[float], extent: Extent) -> Optional[str]:
    """What is missing of a video whose decoder stopped before its end, in a sentence."""
    decoded, frames, seconds = len(positions), extent.frames, extent.seconds
    if frames is not None:
        short = decoded < min(frames - 1, frames * EXPECTED_SHARE)
        what = f"only {decoded} of its {frames} frames can be decoded"
    elif seconds is not None:
        # The last frame is shown for as long as those before it, for all that is known.
        steps = np.diff(positions) if decoded > 1 else np.zeros(1)
        shown = 2 * max(float(np.median(steps)), float(steps[-1]))
        short = positions[-1] + shown < seconds * EXPECTED_SHARE
        what = f"only {decoded} of its frames can be decoded"
    else:
        return None
    reached = "" if seconds is None else f", up to {positions[-1]:.2f} s of {seconds:.2f} s"
    return f"{source}: {what}{reached}" if short else None
