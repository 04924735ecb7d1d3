from __future__ import annotations

import threading
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from itertools import islice
from pathlib import Path
from typing import Iterator, List, Optional

import cv2
import numpy as np
import pytest

from runtime.sources.http_video import HttpVideo
from runtime.sources.open_source import open_source
from runtime.sources.source import SourceLost
from tests.sources.test_video import RATE, write_video


class Folder(SimpleHTTPRequestHandler):
    """Serves files without a word."""

    def log_message(self, *_: object) -> None:
        """Nothing."""


@contextmanager
def served(folder: Path) -> Iterator[str]:
    handler = partial(Folder, directory=str(folder))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
            thread.join()


def test_a_snapshot_address_is_asked_again_and_again(tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "snapshot.jpg"), np.full((48, 64, 3), 90, np.uint8))
    with served(tmp_path) as url, open_source(f"{url}/snapshot.jpg") as source:
        frames = list(islice(source, 3))
        assert [frame.pixels.shape for frame in frames] == [(48, 64, 3)] * 3
        (tmp_path / "snapshot.jpg").unlink()
        with pytest.raises(SourceLost):
            list(source)


class Slept:
    """Stands for a clock: what was waited for, in all."""

    def __init__(self) -> None:
        self.naps: List[float] = []

    def __call__(self, seconds: float) -> None:
        self.naps.append(seconds)


def opened(url: str) -> Optional[cv2.VideoCapture]:
    capture = cv2.VideoCapture(url, cv2.CAP_FFMPEG)
    return capture if capture.isOpened() else None


def test_a_recording_plays_at_its_own_rate_and_ends(tmp_path: Path) -> None:
    write_video(tmp_path / "clip.avi", frames=15)
    with served(tmp_path) as url:
        recording, slept = opened(f"{url}/clip.avi"), Slept()
        assert recording is not None
        video = HttpVideo(url, lambda: None, recording, slept)
        shown = 0
        while video.grab():
            assert video.retrieve()[0]
            shown += 1
    assert shown == 15
    # Nobody really slept, so the last frame came early by what decoding left of the film.
    assert slept.naps[-1] == pytest.approx(14 / RATE, rel=0.9)
