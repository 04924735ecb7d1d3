"""What is fetched over HTTP and is no camera's endless stream: snapshots, and recordings.

A snapshot address gives one image for each request, so it is asked again and again. A recording
comes as fast as the network allows, and is played at its own rate.
"""

from __future__ import annotations

import base64
import time
from http.client import HTTPException
from typing import Callable, Optional, Tuple
from urllib.parse import unquote, urlsplit
from urllib.request import Request, urlopen

import cv2
import numpy as np

from runtime.sources.video import UNDECLARED_RATE, PositionClock, Video, declared_rate

# From the beginning of a request for a snapshot to that of the next. Cameras make them slowly.
SNAPSHOT_SECONDS = 1.0
ANSWER_SECONDS = 5.0


class HttpVideo:
    """A video behind a web address, as its kind wants to be read.

    Args:
        url: the address.
        reopen: asks the server again; None where it does not answer.
        video: its first answer.
        sleep: waits, seconds.
    """

    def __init__(
        self,
        url: str,
        reopen: Callable[[], Optional[Video]],
        video: Video,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._url = url
        self._reopen = reopen
        self._video = video
        self._sleep = sleep
        self._asked = time.monotonic()
        self._frames = 0
        self._snapshot: Optional[bool] = None
        # Whoever knows how many frames there are has recorded them.
        self._recorded = video.get(cv2.CAP_PROP_FRAME_COUNT) > 1
        self._clock = PositionClock(1 / (declared_rate(video) or UNDECLARED_RATE))
        self._began: Optional[float] = None

    def get(self, setting: int, /) -> float:
        """A property, by OpenCV's number."""
        return self._video.get(setting)

    def grab(self) -> bool:
        """Waits for the next frame; False after the last, or where a snapshot does not come."""
        if not self._video.grab() and not self._next_snapshot():
            return False
        self._frames += 1
        if self._recorded:
            self._wait_for_its_time()
        return True

    def retrieve(self) -> Tuple[bool, np.ndarray]:
        """Whether the grabbed frame could be decoded, and its pixels."""
        return self._video.retrieve()

    def _next_snapshot(self) -> bool:
        """Asks again, in time, where the last answer was one image alone."""
        if self._frames != 1:
            return False
        if self._snapshot is None:
            # A camera may hang up after its first frame; that is for its reader to know.
            self._snapshot = is_one_image(self._url)
        if not self._snapshot:
            return False
        self._sleep(max(0.0, self._asked + SNAPSHOT_SECONDS - time.monotonic()))
        self._asked = time.monotonic()
        video = self._reopen()
        if video is None or not video.grab():
            return False
        self._video, self._frames = video, 0
        return True

    def _wait_for_its_time(self) -> None:
        position = self._clock.position(self._video)
        if self._began is None:
            self._began = time.monotonic() - position
        self._sleep(max(0.0, self._began + position - time.monotonic()))


def is_one_image(url: str) -> bool:
    """Whether what is at a web address calls itself an image; not where it does not answer."""
    parts = urlsplit(url)
    bare = parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()
    request = Request(bare)  # noqa: S310 - http or https
    if parts.username is not None:
        login = f"{unquote(parts.username)}:{unquote(parts.password or '')}".encode()
        request.add_header("Authorization", f"Basic {base64.b64encode(login).decode()}")
    try:
        with urlopen(request, timeout=ANSWER_SECONDS) as answer:  # noqa: S310 - http or https
            return bool(answer.headers.get_content_maintype() == "image")
    except (OSError, ValueError, HTTPException):
        return False
