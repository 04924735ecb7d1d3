"""A live loop on the processor, fed with NV12: the masks that it would have made of BGR."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Callable, Iterator, List, Optional

import cv2
import numpy as np
import pytest

pytest.importorskip("openvino")

from runtime.image.frame import Frame
from runtime.image.yuv import YuvCoding
from runtime.inference.backends.open_engine import open_engine
from runtime.inference.segmenter import segmenters_of
from runtime.repository.engine_folder import EngineFolder
from runtime.serving.metrics.registry import Metrics
from runtime.serving.worker import Worker
from runtime.sources.images import ImageFolder
from runtime.sources.open_source import open_source
from tests.image.nv12 import nv12_from
from tests.serving.streams.streams import stream_of, wait_for_state

ROOT = Path(__file__).resolve().parent.parent.parent.parent
CLIP = ROOT / "demo" / "camvid-0016E5-15hz.mp4"
ENGINE = EngineFolder(ROOT / "engines" / "camvid-demo")
WIDTH, HEIGHT = 640, 400  # not the engine's size or shape, so that frames are resized and padded


class Camera(ImageFolder):
    """Shows the images of a folder as `develop` turns them out."""

    def __init__(self, folder: Path, develop: Callable[[Frame], Frame]) -> None:
        super().__init__(folder)
        self._develop = develop

    def read(self) -> Optional[Frame]:
        frame = super().read()
        return None if frame is None else self._develop(frame)


def in_nv12(frame: Frame) -> Frame:
    return replace(frame, pixels=nv12_from(frame.pixels), format="nv12", coding=YuvCoding("bt601"))


def in_bgr_by_opencv(frame: Frame) -> Frame:
    nv12 = in_nv12(frame).pixels
    return replace(frame, pixels=cv2.cvtColor(nv12, cv2.COLOR_YUV2BGR_NV12))


@pytest.fixture
def drive(tmp_path: Path) -> Path:
    """A folder of three images, far apart in the demo clip."""
    with open_source(str(CLIP)) as clip:
        for frame in list(clip)[::50]:
            image = cv2.resize(frame.pixels, (WIDTH, HEIGHT), interpolation=cv2.INTER_AREA)
            cv2.imwrite(str(tmp_path / f"{frame.number}.png"), image)
    return tmp_path


@pytest.fixture
def worker() -> Iterator[Worker]:
    (build,) = [build for build in ENGINE.manifest.builds if build.precision == "int8"]
    opened = open_engine(ENGINE.manifest, build, ENGINE.verified(build), "latency")
    with opened as engine, Worker(segmenters_of(ENGINE.manifest, engine), 4, Metrics()) as worker:
        yield worker


def test_masks_of_nv12_are_those_of_the_same_image_in_bgr(
    worker: Worker, drive: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    masks: List[List[np.ndarray]] = []
    for develop in (in_nv12, in_bgr_by_opencv):
        monkeypatch.setattr(
            "runtime.serving.streams.stream_reader.open_source",
            lambda *_, develop=develop: Camera(drive, develop),
        )
        stream = stream_of(drive, worker.wake)
        worker.attach(stream)
        with stream:
            wait_for_state(stream, "FINISHED")
        worker.detach(stream)
        masks.append([result.labels.labels for result in stream.results])
        assert [result.frame.format for result in stream.results] == [
            "nv12" if develop is in_nv12 else "bgr"
        ] * 3
    for nv12, bgr in zip(*masks):
        assert len(np.unique(bgr)) > 5
        assert (nv12 == bgr).mean() > 0.995
