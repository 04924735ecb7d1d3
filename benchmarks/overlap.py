"""What frames gain by being under way at once: all pipelines (or slots) of an engine against one.

    python -m benchmarks.overlap engines/camvid-demo frame.jpg

The frame is decoded once; each thread hands it to its pipeline again and again, as the worker's
threads do. On a GPU waiting with a core of its own and drawing overlays are measured too.
"""

from __future__ import annotations

import argparse
import threading
import time
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Callable, Dict, List, Sequence

from benchmarks.ratios import interleaved, show
from runtime.device.machine import this_machine
from runtime.image.codec import ImageLimits, decode_image
from runtime.image.frame import Frame
from runtime.inference.backends.open_engine import open_engine
from runtime.inference.engine import MASK, DeviceOptions, HasDevicePipelines, SegmentOptions
from runtime.inference.segmenter import Segmenter, segmenters_of
from runtime.repository.choose_build import choose_build
from runtime.repository.engine_folder import EngineFolder

OVERLAY = SegmentOptions("model", overlay=0.5)


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("engine", type=Path)
    parser.add_argument("image", type=Path)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--seconds", type=float, default=2.0)
    arguments = parser.parse_args()
    folder = EngineFolder(arguments.engine)
    manifest = folder.manifest
    build = choose_build(folder, this_machine(), None)
    artefact = folder.verified(build)
    pixels = decode_image(arguments.image.read_bytes(), ImageLimits(1 << 30, 1 << 30))
    rate = partial(frames_per_second, Frame(pixels, 0, 0.0, "benchmark"), arguments.seconds)
    with ExitStack() as engines:
        engine = engines.enter_context(open_engine(manifest, build, artefact))
        pipelines = segmenters_of(manifest, engine)
        candidates: Dict[str, Callable[[], float]] = {
            f"{len(pipelines)} at once": partial(rate, pipelines)
        }
        if isinstance(engine, HasDevicePipelines):
            options = DeviceOptions(busy_wait=True)
            busy = open_engine(manifest, build, artefact, options=options)
            awake = segmenters_of(manifest, engines.enter_context(busy))
            candidates["waiting with a core each"] = partial(rate, awake)
            candidates["overlays too"] = partial(rate, pipelines, wanted=OVERLAY)
        rows = interleaved(partial(rate, pipelines[:1]), candidates, arguments.rounds)
    show(f"{build.backend} {build.precision}, against one frame at a time", "frames/s", rows)


def frames_per_second(
    frame: Frame, seconds: float, pipelines: Sequence[Segmenter], wanted: SegmentOptions = MASK
) -> float:
    """Frames that all pipelines together finish in a second, a thread each."""
    counts: List[int] = []
    ends = time.perf_counter() + seconds

    def work(pipeline: Segmenter) -> None:
        done = 0
        while time.perf_counter() < ends:
            pipeline.segment(frame, wanted)
            done += 1
        counts.append(done)

    threads = [threading.Thread(target=work, args=(pipeline,)) for pipeline in pipelines]
    started = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if len(counts) != len(pipelines):
        raise RuntimeError("a pipeline failed: its error stands above")
    return sum(counts) / (time.perf_counter() - started)


if __name__ == "__main__":
    main()
