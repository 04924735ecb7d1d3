"""Pictures, folders of pictures and videos to label maps and overlays, on all slots of an engine.

A picture NAME.jpg becomes NAME.png, whose pixels are the class ids, and NAME.overlay.jpg. A video
becomes an overlay video of the same size, rate and number of frames, and a folder of label maps if
these are asked for. An interrupted run is continued by starting it again: finished pictures are
left out, and so is the segmentation of frames whose label maps are there. A video whose label maps
are not kept starts from its first frame.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Callable, Iterator, Optional, Sequence

from typing_extensions import Protocol

from runtime.codec import ImageLimits
from runtime.errors import InvalidInput, RuntimeFault
from runtime.formats import EncodeOptions
from runtime.manifest import Build
from runtime.offline.output_folder import ELSEWHERE, OutputFolder
from runtime.segmenter import Segmenter
from runtime.sources.images import is_picture

Progress = Callable[[str, int, Optional[int]], None]
"""Told what was finished, how many that are, and of how many (None where that is unknown)."""


def silent(_name: str, _done: int, _total: Optional[int]) -> None:
    """Shows no progress."""


@dataclass(frozen=True)
class OfflineOptions:
    """How results are written.

    Attributes:
        encode: opacity and JPEG quality of overlays; a video takes the opacity alone.
        label_maps: whether a video's label maps are kept, one PNG per frame in NAME.labels/.
        overwrite: make everything anew instead of continuing an earlier run.
        limits: what a picture may cost; files of one's own may be large.
    """

    encode: EncodeOptions = field(default_factory=EncodeOptions)
    label_maps: bool = False
    overwrite: bool = False
    limits: ImageLimits = field(default_factory=lambda: ImageLimits(1 << 30, 1 << 28))


class Incomplete(RuntimeFault):
    """Some inputs could not be segmented; all others were."""


@dataclass(frozen=True)
class Report:
    """What a run did.

    Attributes:
        done: pictures, or frames of the video, that were segmented.
        skipped: those an earlier run had finished; a finished video counts as one.
        failures: one sentence for each input that could not be segmented in full, naming it.
    """

    done: int
    skipped: int = 0
    failures: Sequence[str] = ()

    def require_complete(self) -> None:
        """Raises Incomplete, with every failure, if there were any."""
        if self.failures:
            raise Incomplete(
                f"{len(self.failures)} could not be segmented, {self.done + self.skipped} were:\n  "
                + "\n  ".join(self.failures),
                "Replace or remove what failed and run the same command again",
            )


@dataclass(frozen=True)
class Run:
    """What everything in one run shares."""

    folder: OutputFolder
    segmenters: Sequence[Segmenter]
    options: OfflineOptions
    progress: Progress


class Task(Protocol):
    """One input on its way to its results."""

    def results(self) -> Iterator[Path]:
        """Every file and folder that the task makes."""

    def segment(self) -> Report:
        """Makes those that are not finished."""


def segment_path(
    source: Path,
    output: Path,
    segmenters: Sequence[Segmenter],
    build: Build,
    options: Optional[OfflineOptions] = None,
    progress: Progress = silent,
) -> Report:
    """Segments a picture, all pictures below a folder, or a video into the folder `output`.

    Args:
        source: what to segment. A bad picture among others is named in the report.
        output: a folder, created if need be; not the source's own.
        segmenters: one for each slot of the engine; all are used at once.
        build: what the segmenters run, so that results of two engines are not mixed.
        options: how results are written.
        progress: called by this thread after every picture or frame.

    Raises:
        InvalidInput: nothing to segment, or `output` holds results made otherwise.
        SourceFailed: the video cannot be decoded.
        OutputFailed: results cannot be written.
        EngineFailed: the engine stopped computing.
    """
    if not source.exists():
        raise InvalidInput(f"there is no {source}", "Name a picture, a folder or a video")
    among_the_sources = InvalidInput(f"the results of {source} would replace or join it", ELSEWHERE)
    if output.resolve() == source.resolve():
        raise among_the_sources
    with OutputFolder(output) as folder:
        run = Run(folder, segmenters, options or OfflineOptions(), progress)
        task = _task(run, source)
        if source.resolve() in (result.resolve() for result in task.results()):
            raise among_the_sources
        made_by = {
            "build": build.sha256,
            "precision": build.precision,
            "backend": build.backend,
            "opacity": run.options.encode.opacity,
            "quality": run.options.encode.quality,
        }
        if run.options.overwrite:
            folder.start_anew(made_by, task.results())
        else:
            folder.continue_with(made_by, task.results())
        return task.segment()


def _task(run: Run, source: Path) -> Task:
    if source.is_dir() or is_picture(source):
        from runtime.offline.pictures import Pictures

        return Pictures(run, source)
    from runtime.offline.video import Video

    return Video(run, source)
