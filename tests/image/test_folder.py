from __future__ import annotations

import os
from pathlib import Path

import pytest

from runtime.errors import InvalidInput
from runtime.image.folder import images_of, in_counting_order, list_below, list_folder, named


def touch(*paths: Path) -> None:
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()


def test_a_folder_is_sorted_into_what_is_read_and_what_is_not(tmp_path: Path) -> None:
    touch(tmp_path / "b.JPG", tmp_path / "a.png", tmp_path / "c.tif", tmp_path / "notes.txt")
    touch(tmp_path / "._a.png", tmp_path / ".DS_Store", tmp_path / "deep" / "x.jpg")
    (tmp_path / "gone.jpg").symlink_to(tmp_path / "nowhere")
    os.mkfifo(tmp_path / "pipe.jpg")

    listing = list_folder(tmp_path)

    assert [path.name for path in listing.images] == ["a.png", "b.JPG"]
    assert [path.name for path in listing.unread] == ["c.tif", "gone.jpg", "pipe.jpg"]
    assert [path.name for path in listing.folders] == ["deep"]
    assert [path.name for path in listing.others] == ["notes.txt"]
    assert listing.hidden == 2


def test_folders_below_are_entered_and_links_to_folders_are_not(tmp_path: Path) -> None:
    touch(tmp_path / "a.png", tmp_path / "deep" / "b.png", tmp_path / ".cache" / "c.png")
    touch(tmp_path / "deep" / "._b.png")
    (tmp_path / "deep" / "loop").symlink_to(tmp_path)

    listing = list_below(tmp_path)

    assert [path.name for path in listing.images] == ["a.png", "b.png"]
    assert listing.hidden == 2


def test_no_image_is_passed_over(tmp_path: Path) -> None:
    touch(tmp_path / "a.png", tmp_path / "b.bmp")
    with pytest.raises(InvalidInput, match=r"1 image \(b\.bmp\) that cannot be read"):
        images_of(tmp_path)
    (tmp_path / "b.bmp").rename(tmp_path / ".b.bmp")
    assert images_of(tmp_path) == (tmp_path / "a.png",)


def test_what_cannot_be_listed_is_named(tmp_path: Path) -> None:
    touch(tmp_path / "a.png")
    with pytest.raises(InvalidInput, match=r"a\.png cannot be listed: Not a directory"):
        list_folder(tmp_path / "a.png")


def test_numbers_in_names_are_counted() -> None:
    names = [Path("frame10.png"), Path("frame2.png"), Path("frame.png")]
    ordered = [path.name for path in sorted(names, key=in_counting_order)]
    assert ordered.index("frame2.png") < ordered.index("frame10.png")


def test_many_files_are_named_by_the_first_ones() -> None:
    assert named([Path("a.png")], "image") == "1 image (a.png)"
    many = [Path(f"{n}.png") for n in range(9)]
    assert named(many, "image") == "9 images (0.png, 1.png, 2.png, 3.png, ...)"
