"""The live loop against the raw engine: decode, resize, infer, labels, overlay, JPEG.

    python -m benchmarks.live engines/camvid-demo demo/camvid-0016E5-15hz.mp4

A video file plays through a stream without pacing, so every frame is processed as fast as the
engine's slots allow.
"""

from __future__ import annotations

import argparse
import time
from functools import partial
from pathlib import Path

import cv2
import numpy as np

from benchmarks.ratios import interleaved, show
from benchmarks.raw_engine import RawEngine
from runtime.device.machine import this_machine
from runtime.inference.backends.open_engine import open_engine
from runtime.inference.segmenter import segmenters_of
from runtime.repository.choose_build import choose_build
from runtime.repository.engine_folder import EngineFolder
from runtime.serving.metrics.registry import Metrics
from runtime.serving.settings import StreamSettings
from runtime.serving.streams.stream import Stream
from runtime.serving.worker import Worker


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("engine", type=Path)
    parser.add_argument("videos", type=Path, nargs="+")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--seconds", type=float, default=3.0)
    arguments = parser.parse_args()
    folder = EngineFolder(arguments.engine)
    build = choose_build(folder, this_machine(), None)
    artefact, spec = folder.verified(build), folder.manifest.input
    raw = RawEngine(folder.manifest, build, artefact, "throughput")
    raw.use_image(cv2.resize(_first_frame(arguments.videos[0]), (spec.width, spec.height)))
    opened = open_engine(folder.manifest, build, artefact, "throughput")
    with opened as engine, Worker(segmenters_of(folder.manifest, engine), 8, Metrics()) as worker:
        rows = interleaved(
            partial(raw.frames_per_second, arguments.seconds),
            {v.name: partial(played_per_second, worker, v) for v in arguments.videos},
            arguments.rounds,
        )
    show(f"live loop, {spec.width}x{spec.height} model", "frames/s", rows)


def played_per_second(worker: Worker, video: Path) -> float:
    """Frames per second of a whole video, from its first frame to its last overlay."""
    stream = Stream(StreamSettings(id="benchmark", uri=str(video)), worker.wake, Metrics())
    worker.attach(stream)
    started = time.perf_counter()
    stream.start()
    try:
        while stream.status().state not in ("FINISHED", "FAILED"):
            time.sleep(0.005)
        elapsed = time.perf_counter() - started
    finally:
        stream.stop(2.0)
        worker.detach(stream)
    status = stream.status()
    if status.state == "FAILED" or status.frames.processed != status.frames.captured:
        raise RuntimeError(f"{video} was not played whole: {status}")
    return status.frames.processed / elapsed


def _first_frame(video: Path) -> np.ndarray:
    capture = cv2.VideoCapture(str(video))
    found, pixels = capture.read()
    capture.release()
    if not found:
        raise RuntimeError(f"{video} cannot be read")
    return pixels


if __name__ == "__main__":
    main()
