from __future__ import annotations

from pathlib import Path

import pytest

from runtime.builder.data.pairs import PairedSplit, paired_split
from runtime.errors import InvalidInput


def split(folder: Path, *files: str) -> PairedSplit:
    for name in ("images", "labels"):
        (folder / name).mkdir(exist_ok=True)
    for file in files:
        (folder / file).parent.mkdir(parents=True, exist_ok=True)
        (folder / file).touch()
    return paired_split("train", folder / "images", folder / "labels")


def test_endings_may_be_in_capitals(tmp_path: Path) -> None:
    (sample,) = split(tmp_path, "images/a.JPG", "labels/a.PNG").samples

    assert (sample.name, sample.image.name, sample.labels.name) == ("a", "a.JPG", "a.PNG")


@pytest.mark.parametrize(
    ("files", "said"),
    [
        (("images/a.jpg", "images/a.png", "labels/a.png"), r"a\.jpg and a\.png would share"),
        (("images/a.jpg", "labels/a.PNG", "labels/a.png"), "are two label maps of one image"),
        (("images/a.jpg", "images/b.jpg", "labels/c.png"), "no label map.*and 1 more image"),
        (("images/a.jpg", "images/b.tif", "labels/a.png"), r"1 image \(b\.tif\) that cannot"),
        (("images/a.jpg", "images/x/b.jpg", "labels/a.png"), r"\(b\.jpg\) in the folder .*/x"),
    ],
)
def test_an_image_that_would_be_lost_or_mislabelled_is_named(
    tmp_path: Path, files: tuple[str, ...], said: str
) -> None:
    with pytest.raises(InvalidInput, match=said):
        split(tmp_path, *files)


def test_what_is_left_out_is_told(tmp_path: Path) -> None:
    images = ("images/a.jpg", "images/._a.jpg", "images/Thumbs.db")
    found = split(tmp_path, *images, "labels/a.png", "labels/._a.png", "labels/b.png")

    assert [sample.name for sample in found.samples] == ["a"]
    assert found.remarks == (
        f"1 label map (b.png) in {tmp_path / 'labels'} without image",
        f"1 other file (Thumbs.db) in {tmp_path / 'images'} left out",
        f"1 hidden file in {tmp_path / 'images'} left out",
    )


def test_a_folder_of_something_else_beside_the_images_is_left_alone(tmp_path: Path) -> None:
    assert len(split(tmp_path, "images/a.jpg", "images/notes/a.txt", "labels/a.png").samples) == 1
