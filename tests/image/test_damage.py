"""Damage: what a decoder could not read whole is refused, wherever it comes in."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from pathlib import Path
from typing import Callable, Dict, Iterator, Tuple, Type, Union

import cv2
import numpy as np
import pytest

from runtime.builder.data.dataset import read_image
from runtime.errors import InvalidInput, SourceFailed, TooLarge
from runtime.image.codec import ImageLimits, decode_file, decode_image
from runtime.sources.open_source import open_source
from tests.batch.scene import segment
from tests.image.damage import cut_with_an_end, encoded, mutated, scene, sound_files
from tests.serving.api.serving import Parts, Served, served

ROOT = Path(__file__).resolve().parent.parent.parent
LIMITS = ImageLimits(max_bytes=1 << 20, max_pixels=1 << 20)
REFUSED = "refused"

Entry = Callable[[bytes], np.ndarray]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "image.jpg"


def entries(file: Path) -> Dict[str, Entry]:
    """The ways by which an image comes in, each to its pixels, BGR."""

    def of_folder(data: bytes) -> np.ndarray:
        file.write_bytes(data)
        with open_source(str(file.parent)) as source:
            return next(iter(source)).pixels

    def of_builder(data: bytes) -> np.ndarray:
        file.write_bytes(data)
        return read_image(file)[..., ::-1]

    return {
        "request and canary": lambda data: decode_image(data, LIMITS),
        "folder": of_folder,
        "train, evaluate, calibrate, recalibrate and sensitivity": of_builder,
    }


def verdict(entry: Entry, data: bytes) -> str:
    """What an entry says of a file: its pixels' hash, or that it is refused."""
    try:
        return hashlib.sha256(np.ascontiguousarray(entry(data)).data).hexdigest()
    except (InvalidInput, SourceFailed):
        return REFUSED


def require_one_verdict(file: Path, count: int, seed: int) -> None:
    refused = 0
    for name, data in mutated(count, seed):
        found = {verdict(entry, data) for entry in entries(file).values()}
        assert len(found) == 1, name
        refused += found == {REFUSED}
    assert refused > count / 2


def test_damaged_images_have_the_same_verdict_at_every_entry(file: Path) -> None:
    require_one_verdict(file, count=2000, seed=0)


@pytest.mark.slow
def test_ten_thousand_damaged_images_have_the_same_verdict_at_every_entry(file: Path) -> None:
    require_one_verdict(file, count=10_000, seed=1)


@pytest.fixture(scope="module")
def daemon() -> Iterator[Served]:
    with served(Parts()) as running:
        yield running


def test_the_daemon_and_segment_judge_as_the_decoder_does(daemon: Served, tmp_path: Path) -> None:
    """Over the wire and to files, hence fewer."""
    corpus = dict(mutated(150, seed=2))
    inputs = tmp_path / "in"
    inputs.mkdir()
    for number, data in enumerate(corpus.values()):
        (inputs / f"{number}.jpg").write_bytes(data)
    report = segment(inputs, tmp_path / "out")
    for number, (name, data) in enumerate(corpus.items()):
        wanted = verdict(lambda sent: decode_image(sent, LIMITS), data) == REFUSED
        answer = daemon.client.post("/segment", content=data)
        assert (answer.status_code in (400, 413, 415)) == wanted, name
        assert any(f"/{number}.jpg: " in line for line in report.failures) == wanted, name


def opencv(data: bytes) -> np.ndarray:
    pixels = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    assert pixels is not None
    return pixels


@pytest.mark.parametrize("kind", sorted(sound_files()))
def test_sound_images_have_the_pixels_that_opencv_gives(kind: str) -> None:
    data = sound_files()[kind]
    assert np.array_equal(decode_image(data, LIMITS), opencv(data))


@pytest.mark.parametrize("factors", [0x411111, 0x221111, 0x211111, 0x121111, 0x111111])
@pytest.mark.parametrize("size", [(1, 1), (1, 9), (17, 15), (61, 83)])
def test_jpegs_of_every_subsampling_have_the_pixels_that_opencv_gives(
    factors: int, size: Tuple[int, int]
) -> None:
    options = [cv2.IMWRITE_JPEG_SAMPLING_FACTOR, factors]
    data = cv2.imencode(".jpg", scene(*size), options)[1].tobytes()
    assert np.array_equal(decode_image(data, LIMITS), opencv(data))


@pytest.mark.parametrize("kind", [kind for kind in sorted(sound_files()) if "JPEG" in kind])
@pytest.mark.parametrize("share", [0.5, 0.7, 0.9])
class TestJpeg:
    def test_a_scan_that_ends_early_is_refused_though_the_file_is_closed(
        self, kind: str, share: float
    ) -> None:
        data = sound_files()[kind]
        scan = data.index(b"\xff\xda")
        with pytest.raises(InvalidInput, match=r"damaged|truncated"):
            decode_image(cut_with_an_end(data, scan + int((len(data) - scan) * share)), LIMITS)

    def test_a_scan_whose_end_was_never_written_is_refused(self, kind: str, share: float) -> None:
        data = sound_files()[kind]
        scan = data.index(b"\xff\xda")
        at = scan + int((len(data) - scan) * share)
        zeroed = data[:at] + bytes(len(data) - at - 2) + data[-2:]
        with pytest.raises(InvalidInput, match="damaged"):
            decode_image(zeroed, LIMITS)


def test_what_libjpeg_would_only_have_muttered_is_said() -> None:
    data = sound_files()["JPEG"]
    with pytest.raises(InvalidInput, match=r"64 x 48 pixels is damaged: .*premature end"):
        decode_image(cut_with_an_end(data, len(data) * 3 // 4), LIMITS)


def test_a_png_whose_orientation_is_damaged_is_refused() -> None:
    data = sound_files()["PNG turned"]
    at = data.index(b"eXIf") + 6
    with pytest.raises(InvalidInput, match="eXIf"):
        decode_image(data[:at] + b"\xee" + data[at + 1 :], LIMITS)


def test_every_flipped_bit_of_a_png_is_noticed() -> None:
    data = encoded("PNG", scene(8, 8))
    for at in range(8, len(data)):
        for bit in range(8):
            changed = data[:at] + bytes([data[at] ^ 1 << bit]) + data[at + 1 :]
            with pytest.raises(InvalidInput):
                decode_image(changed, LIMITS)


def test_a_webp_without_its_last_bytes_is_refused_though_its_size_says_so() -> None:
    data = sound_files()["WebP"]
    with pytest.raises(InvalidInput):
        decode_image(cut_with_an_end(data, len(data) - 20), LIMITS)


def test_decoders_write_nothing_of_damage_to_standard_error(tmp_path: Path) -> None:
    for number, (_, data) in enumerate(mutated(200, seed=3)):
        (tmp_path / f"{number}.jpg").write_bytes(data)
    code = (
        "import sys; from pathlib import Path; from runtime.image.codec import decode_file\n"
        "from runtime.errors import InvalidInput\n"
        "for path in Path(sys.argv[1]).iterdir():\n"
        "    try: decode_file(path)\n"
        "    except InvalidInput: continue\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)], capture_output=True, check=False, cwd=ROOT
    )
    said = [line for line in done.stderr.splitlines() if not line.startswith(b"libpng")]
    assert (done.returncode, said) == (0, [])


@pytest.mark.parametrize(
    ("data", "fault"), [(b"", InvalidInput), (b"<html>", InvalidInput), (b"x" * 9, TooLarge)]
)
def test_a_file_is_named_and_the_kind_of_fault_kept(
    file: Path, data: bytes, fault: Union[Type[InvalidInput], Type[TooLarge]]
) -> None:
    file.write_bytes(data)
    with pytest.raises(fault, match=r"image\.jpg: "):
        decode_file(file, ImageLimits(max_bytes=8, max_pixels=1))


def test_a_pipe_called_image_is_not_waited_for(file: Path) -> None:
    os.mkfifo(file)
    with pytest.raises(InvalidInput, match="is no file"):
        decode_file(file)
