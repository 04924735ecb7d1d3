"""What every source must do, and what every file must do besides."""

from __future__ import annotations

import threading
import time
from itertools import islice
from typing import List

from runtime.image.frame import Frame
from runtime.sources.open_source import open_source


def first_frames(uri: str, count: int) -> List[Frame]:
    with open_source(uri) as source:
        return list(islice(source, count))


class SourceContract:
    """Subclasses give `uri`, a fixture: the address of a source of at least three frames."""

    def test_frames_are_numbered_upwards_and_know_when_they_were_captured(self, uri: str) -> None:
        before = time.time()
        frames = first_frames(uri, 3)
        after = time.time()
        numbers = [frame.number for frame in frames]
        times = [frame.captured_at for frame in frames]
        assert len(frames) == 3
        assert numbers == sorted(set(numbers))
        assert [before, *times, after] == sorted([before, *times, after])

    def test_no_frame_changes_when_the_next_is_read(self, uri: str) -> None:
        with open_source(uri) as source:
            frame = next(iter(source))
            pixels = frame.pixels.copy()
            list(islice(source, 2))
        assert (frame.pixels == pixels).all()

    def test_an_interrupt_from_another_thread_ends_it(self, uri: str) -> None:
        with open_source(uri) as source:
            assert source.read() is not None
            other = threading.Thread(target=source.interrupt)
            other.start()
            other.join()
            assert source.read() is None
            assert source.read() is None

    def test_it_can_be_opened_again(self, uri: str) -> None:
        assert len(first_frames(uri, 1)) == len(first_frames(uri, 1)) == 1


class LiveContract(SourceContract):
    """Sources for which time goes on."""

    def test_it_is_live(self, uri: str) -> None:
        with open_source(uri) as source:
            assert source.live

    def test_an_interrupt_wakes_a_reader_that_waits(self, uri: str) -> None:
        with open_source(uri) as source:
            read: List[Frame] = []
            reader = threading.Thread(target=lambda: read.extend(source))
            reader.start()
            source.interrupt()
            reader.join(timeout=10)
            assert not reader.is_alive()


class FileContract(SourceContract):
    """Sources that wait for their reader; subclasses give `frames`, how many there are."""

    def test_nothing_is_lost(self, uri: str, frames: int) -> None:
        with open_source(uri) as source:
            assert not source.live
            assert [frame.number for frame in source] == list(range(frames))
            assert source.read() is None
