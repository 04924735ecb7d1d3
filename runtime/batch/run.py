"""Images, folders of images and videos to label maps and overlays, on all slots of an engine.

An image NAME.jpg becomes NAME.png, whose pixels are the class ids, and NAME.overlay.jpg. A video
becomes an overlay video with the same frames, each shown as long, and a folder of label maps if
these are asked for. An interrupted run is continued by starting it again: finished images are left
out, and so is the segmentation of frames whose label maps are there. A video whose label maps are
not kept starts from its first frame.
"""

from __future__ import annotations

from pathlib import Path
from typing import Optional, Sequence

from runtime.batch.options import BatchOptions, Progress, Report, Run, Task, silent
from runtime.batch.output_folder import ELSEWHERE, OutputFolder
from runtime.errors import InvalidInput
from runtime.image.folder import is_image
from runtime.inference.segmenter import Segmenter
from runtime.repository.manifest import Build


def segment_path(
    source: Path,
    output: Path,
    segmenters: Sequence[Segmenter],
    build: Build,
    options: Optional[BatchOptions] = None,
    progress: Progress = silent,
) -> Report:
    """Segments an image, all images below a folder, or a video into the folder `output`.

    Args:
        source: what to segment. A bad image among others is named in the report.
        output: a folder, created if need be; not the source's own.
        segmenters: one for each slot of the engine; all are used at once.
        build: what the segmenters run, so that results of two engines are not mixed.
        options: how results are written.
        progress: called by this thread after every image or frame.

    Raises:
        InvalidInput: nothing to segment, or `output` holds results made otherwise.
        SourceFailed: the video cannot be decoded.
        OutputFailed: results cannot be written.
        EngineFailed: the engine stopped computing.
    """
    if not source.exists():
        raise InvalidInput(f"there is no {source}", "Name an image, a folder or a video")
    among_the_sources = InvalidInput(f"the results of {source} would replace or join it", ELSEWHERE)
    if output.resolve() == source.resolve():
        raise among_the_sources
    with OutputFolder(output) as folder:
        run = Run(folder, segmenters, options or BatchOptions(), progress)
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
    if source.is_dir() or is_image(source):
        from runtime.batch.images import Images

        return Images(run, source)
    from runtime.batch.video import Video

    return Video(run, source)
