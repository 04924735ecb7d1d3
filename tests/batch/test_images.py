from __future__ import annotations

import os
from pathlib import Path
from typing import List, Optional, Tuple

import cv2
import numpy as np
import pytest

from runtime.batch.options import Incomplete
from runtime.batch.output_folder import RECORD_NAME
from runtime.batch.result_ledger import LEDGER_NAME
from runtime.batch.run import segment_path
from runtime.errors import EngineFailed, InvalidInput, OutputFailed
from runtime.image.mask_formats import EncodeOptions
from runtime.inference.engine import SegmentOptions
from tests.batch.scene import SHAPE, bright_share, image, segment, write_image
from tests.engines import fake_build
from tests.inference.drawing_pipeline import (
    drawing_pipeline,
    drawing_segmenter,
    drawn_by_the_pipeline,
)


def names(folder: Path) -> List[str]:
    """Of the results, and of the record of what made them."""
    files = (p for p in folder.rglob("*") if p.is_file() and p.name != LEDGER_NAME)
    return sorted(str(p.relative_to(folder)) for p in files)


class TestOneImage:
    def test_it_becomes_a_label_map_and_an_overlay(self, tmp_path: Path) -> None:
        source = write_image(tmp_path / "street.jpg", bright_from=48)
        report = segment(source, tmp_path / "out")
        assert (report.done, report.skipped, report.failures) == (1, 0, [])
        assert names(tmp_path / "out") == [RECORD_NAME, "street.overlay.jpg", "street.png"]
        assert bright_share(tmp_path / "out" / "street.png") == pytest.approx(0.25, abs=0.05)

    def test_masks_have_the_size_of_the_image(self, tmp_path: Path) -> None:
        source = tmp_path / "large.png"
        cv2.imwrite(str(source), cv2.resize(image(32), (200, 100)))
        segment(source, tmp_path / "out")
        for name in ("large.png", "large.overlay.jpg"):
            mask = cv2.imread(str(tmp_path / "out" / name))
            assert mask is not None
            assert mask.shape == (100, 200, 3)

    @pytest.mark.parametrize("opacity", [0.0, 1.0])
    def test_the_overlay_has_the_opacity_asked_for(self, tmp_path: Path, opacity: float) -> None:
        source = tmp_path / "grey.png"
        cv2.imwrite(str(source), np.full((32, 64, 3), 90, np.uint8))
        segment(source, tmp_path / "out", encode=EncodeOptions(opacity=opacity, quality=95))
        overlay = cv2.imread(str(tmp_path / "out" / "grey.overlay.jpg"))
        assert overlay is not None
        assert (abs(overlay.astype(int) - 90).max() < 3) == (opacity == 0)

    def test_it_may_lie_in_the_output_folder_if_nothing_is_replaced(self, tmp_path: Path) -> None:
        segment(write_image(tmp_path / "street.jpg"), tmp_path)
        assert (tmp_path / "street.png").exists()

    def test_it_is_never_replaced_by_its_own_mask(self, tmp_path: Path) -> None:
        source = write_image(tmp_path / "street.png")
        before = source.read_bytes()
        with pytest.raises(InvalidInput, match=r"street\.png would"):
            segment(source, tmp_path)
        assert source.read_bytes() == before

    def test_a_bad_one_is_an_incomplete_run(self, tmp_path: Path) -> None:
        (tmp_path / "bad.jpg").write_bytes(b"no image")
        with pytest.raises(Incomplete, match=r"(?s)1 could not .*bad\.jpg: .*no JPEG, PNG or WebP"):
            segment(tmp_path / "bad.jpg", tmp_path / "out").require_complete()

    def test_one_that_cannot_be_read_is_an_incomplete_run(self, tmp_path: Path) -> None:
        # A file that nobody may read, root included: nothing is mapped at address 0.
        (tmp_path / "locked.jpg").symlink_to("/proc/self/mem")
        with pytest.raises(Incomplete, match=r"locked\.jpg: it cannot be read: [^\[]+\. Replace"):
            segment(tmp_path / "locked.jpg", tmp_path / "out").require_complete()

    @pytest.mark.parametrize("shape", [SHAPE, (100, 200)])
    def test_a_device_brings_back_masks_alone(self, tmp_path: Path, shape: Tuple[int, int]) -> None:
        source, pipeline = tmp_path / "street.png", drawing_pipeline()
        cv2.imwrite(str(source), cv2.resize(image(32), shape[::-1]))
        segment_path(source, tmp_path / "out", [drawing_segmenter(pipeline)], fake_build())
        assert pipeline.asked == [SegmentOptions("frame")]
        overlay = (tmp_path / "out" / "street.overlay.jpg").read_bytes()
        assert not drawn_by_the_pipeline(overlay)


@pytest.fixture
def drive(tmp_path: Path) -> Path:
    """Six images in two folders; the bright share of each tells which one it is."""
    for number in range(6):
        camera = "left" if number < 3 else "right"
        write_image(tmp_path / "drive" / camera / f"{number}.png", bright_from=8 * number)
    return tmp_path / "drive"


class TestFolder:
    def test_masks_lie_as_their_images_do(self, tmp_path: Path, drive: Path) -> None:
        report = segment(drive, tmp_path / "out")
        report.require_complete()
        assert report.done == 6
        for number in range(6):
            camera = "left" if number < 3 else "right"
            mask = tmp_path / "out" / camera / f"{number}.png"
            assert bright_share(mask) == pytest.approx(1 - number / 8, abs=0.05)

    def test_a_bad_image_is_named_and_the_rest_goes_on(self, tmp_path: Path, drive: Path) -> None:
        bad = drive / "left" / "1.png"
        bad.write_bytes(bad.read_bytes()[:-20])
        report = segment(drive, tmp_path / "out")
        assert report.done == 5
        with pytest.raises(Incomplete, match=r"left/1\.png: the PNG of 64 x 32 pixels is trunc"):
            report.require_complete()

    def test_finished_images_are_left_out(self, tmp_path: Path, drive: Path) -> None:
        segment(drive, tmp_path / "out")
        (tmp_path / "out" / "left" / "2.overlay.jpg").unlink()
        report = segment(drive, tmp_path / "out", fail_after=1)
        assert (report.done, report.skipped) == (1, 5)

    def test_an_image_that_was_replaced_is_made_anew_whatever_its_time_stamp(
        self, tmp_path: Path, drive: Path
    ) -> None:
        segment(drive, tmp_path / "out")
        write_image(drive / "left" / "2.png", bright_from=56)
        os.utime(drive / "left" / "2.png", (0, 0))
        report = segment(drive, tmp_path / "out")
        assert (report.done, report.skipped) == (1, 5)
        assert bright_share(tmp_path / "out" / "left" / "2.png") == pytest.approx(1 / 8, abs=0.05)

    def test_an_image_that_was_only_touched_is_not(self, tmp_path: Path, drive: Path) -> None:
        segment(drive, tmp_path / "out")
        for path in drive.rglob("*.png"):
            path.touch()
        assert segment(drive, tmp_path / "out").skipped == 6

    def test_a_run_that_broke_off_is_continued(self, tmp_path: Path, drive: Path) -> None:
        with pytest.raises(EngineFailed):
            segment(drive, tmp_path / "out", fail_after=4)
        report = segment(drive, tmp_path / "out")
        assert report.skipped >= 1
        assert report.done + report.skipped == 6
        untouched = tmp_path / "untouched"
        segment(drive, untouched)
        for name in names(untouched):
            assert (tmp_path / "out" / name).read_bytes() == (untouched / name).read_bytes()

    def test_what_a_killed_run_left_half_written_is_cleared(
        self, tmp_path: Path, drive: Path
    ) -> None:
        half = tmp_path / "out" / "left" / ".0.png.unfinished"
        half.parent.mkdir(parents=True)
        half.write_bytes(b"half a mask")
        assert segment(drive, tmp_path / "out").done == 6
        assert not half.exists()

    def test_everything_is_made_anew_if_asked_for(self, tmp_path: Path, drive: Path) -> None:
        segment(drive, tmp_path / "out")
        report = segment(drive, tmp_path / "out", overwrite=True)
        assert (report.done, report.skipped) == (6, 0)

    def test_other_options_do_not_continue_it(self, tmp_path: Path, drive: Path) -> None:
        segment(drive, tmp_path / "out")
        with pytest.raises(InvalidInput, match="--overwrite"):
            segment(drive, tmp_path / "out", encode=EncodeOptions(opacity=0.9))

    def test_results_inside_the_folder_are_not_images_of_it(self, drive: Path) -> None:
        for _ in range(2):
            report = segment(drive, drive / "masks")
            assert report.done + report.skipped == 6

    def test_results_among_the_images_are_refused(self, drive: Path) -> None:
        with pytest.raises(InvalidInput, match="replace or join"):
            segment(drive, drive)

    def test_two_images_that_would_share_a_mask_are_told(self, tmp_path: Path) -> None:
        for name in ("a.jpg", "a.png", "b.jpg"):
            write_image(tmp_path / "photos" / name)
        report = segment(tmp_path / "photos", tmp_path / "out")
        assert report.done == 2
        (failure,) = report.failures
        assert failure.endswith("a.png: its mask would have the name of that of a.jpg")

    def test_progress_counts_what_is_there(self, tmp_path: Path, drive: Path) -> None:
        told: List[Tuple[str, int, Optional[int]]] = []
        segment(drive, tmp_path / "out", progress=lambda *step: told.append(step))
        assert told == [(f"{number}.png", number + 1, 6) for number in range(6)]

    def test_hidden_files_are_left_out_and_counted(self, tmp_path: Path, drive: Path) -> None:
        for name in ("._0.png", ".DS_Store"):
            (drive / name).write_bytes(b"of another system")
        report = segment(drive, tmp_path / "out")
        assert (report.done, report.failures, report.hidden) == (6, [], 2)

    def test_what_cannot_be_an_image_is_told(self, tmp_path: Path, drive: Path) -> None:
        (drive / "photo.heic").write_bytes(b"\0\0\0\x18ftypheic")
        (drive / "gone.jpg").symlink_to(drive / "nowhere.jpg")
        os.mkfifo(drive / "pipe.png")
        report = segment(drive, tmp_path / "out")
        assert report.done == 6
        assert [failure.split("/")[-1].split(":")[0] for failure in report.failures] == [
            *("gone.jpg", "photo.heic", "pipe.png")
        ]

    def test_an_empty_folder_is_refused(self, tmp_path: Path) -> None:
        with pytest.raises(InvalidInput, match="holds no images"):
            segment(tmp_path, tmp_path / "out")


def test_what_does_not_exist_is_named(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match=r"there is no .*nowhere"):
        segment(tmp_path / "nowhere", tmp_path / "out")


def test_a_folder_without_room_ends_the_run(tmp_path: Path) -> None:
    """A file stands where a folder of masks belongs, which no right to write could mend."""
    write_image(tmp_path / "drive" / "left" / "1.png")
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "left").touch()
    with pytest.raises(OutputFailed, match=r"left/1\.png"):
        segment(tmp_path / "drive", tmp_path / "out")
