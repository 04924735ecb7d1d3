from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Dict

import numpy as np
import pytest
from PIL import Image

from runtime.builder.data.check import DatasetCheck, by_split, check_dataset
from runtime.builder.data.check_report import report_json
from runtime.builder.data.layouts import open_dataset
from runtime.errors import InvalidInput
from tests.builder.scenes import NAMES, scene, write_dataset


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_dataset(tmp_path / "scenes", train=4, val=2)


def check(folder: Path) -> DatasetCheck:
    return check_dataset(by_split(open_dataset(folder)))


def paint(path: Path, class_id: int) -> None:
    Image.new("L", (64, 64), class_id).save(path)


def copied(source: Path, target: Path) -> None:
    """Copies an image and its labels to another split and name."""
    shutil.copy(source, target)
    shutil.copy(
        source.parents[1] / "labels" / source.name,
        target.parents[1] / "labels" / f"{target.stem}.png",
    )


def test_a_sound_dataset_is_summed_up(folder: Path) -> None:
    found = check(folder)

    found.require_sound()
    assert (found.wrong, found.odd) == ((), ())
    train, val = found.groups
    assert (train.name, train.samples, val.name, val.samples) == ("train", 4, "val", 2)
    assert train.sizes == {(64, 64): 4}
    labels = np.stack([scene(number)[1] for number in range(4)])
    assert train.unlabelled == (labels == 255).mean()
    np.testing.assert_allclose(
        train.shares, [(labels[labels != 255] == n).mean() for n in range(3)]
    )


def test_an_image_of_two_splits_is_a_leak_whatever_it_is_called(folder: Path) -> None:
    copied(folder / "train/images/even_000.png", folder / "val/images/another.png")

    found = check(folder)

    assert found.wrong == ("1 image of val is in train too: another.png = even_000.png",)
    with pytest.raises(InvalidInput, match="Take them out of train or of val"):
        found.require_sound()


def test_a_leak_is_seen_in_another_file_format(folder: Path) -> None:
    source = folder / "train/images/even_000.png"
    with Image.open(source) as opened:
        opened.save(folder / "val/images/another.webp", lossless=True)
    shutil.copy(folder / "train/labels/even_000.png", folder / "val/labels/another.png")

    assert "another.webp = even_000.png" in check(folder).wrong[0]


def test_one_saved_again_with_loss_is_told(folder: Path) -> None:
    for split, quality in (("train", 95), ("val", 60)):
        big = Image.fromarray(scene(7)[0]).resize((256, 192), Image.Resampling.BICUBIC)
        big.save(folder / split / "images" / f"{split}.jpg", quality=quality)
        Image.new("L", (256, 192)).save(folder / split / "labels" / f"{split}.png")

    (odd,) = check(folder).odd

    assert odd.startswith("1 of 3 images of val look much like one of train")
    assert "val.jpg = train.jpg" in odd


def test_equal_names_of_different_images_are_no_leak(folder: Path) -> None:
    for kind in ("images", "labels"):
        (folder / "val" / kind / "even_100.png").rename(folder / "val" / kind / "even_000.png")

    assert check(folder).wrong == ()


@pytest.mark.parametrize(
    ("relabelled", "said"), [(False, "twice: "), (True, "twice, and labelled")]
)
def test_an_image_that_is_there_twice_is_told(folder: Path, relabelled: bool, said: str) -> None:
    copied(folder / "train/images/even_000.png", folder / "train/images/z.png")
    if relabelled:
        paint(folder / "train/labels/z.png", 1)

    (odd,) = check(folder).odd

    assert said in odd
    assert "z.png = even_000.png" in odd


def test_a_class_that_never_occurs_is_told(folder: Path) -> None:
    for path in (folder / "train/labels").iterdir():
        labels = np.array(Image.open(path))
        labels[labels == 2] = 0
        Image.fromarray(labels).save(path)

    assert check(folder).odd == (
        "no label map of train has block: a network cannot learn it from there",
    )


def test_a_map_that_labels_nothing_is_told_and_a_split_of_these_refused(folder: Path) -> None:
    paint(folder / "train/labels/even_000.png", 255)
    assert check(folder).odd == ("1 image of train without a labelled pixel: even_000",)

    for path in (folder / "train/labels").iterdir():
        paint(path, 255)
    with pytest.raises(InvalidInput, match="no pixel of the 4 images of train is labelled"):
        check(folder).require_sound()


def test_labels_of_one_class_alone_are_told(folder: Path) -> None:
    for path in (folder / "train/labels").iterdir():
        paint(path, 1)

    assert (
        "all labelled pixels of train are road: there is nothing to tell apart" in check(folder).odd
    )


def test_every_sample_that_cannot_be_used_is_listed(folder: Path) -> None:
    paint(folder / "train/labels/even_000.png", 7)
    (folder / "val/images/odd_101.png").write_bytes(b"")

    found = check(folder)

    assert len(found.wrong) == 2
    assert [group.samples for group in found.groups] == [3, 1]
    with pytest.raises(InvalidInput, match=r"holds the ids \[7\].*1 more: `runtime check-dataset`"):
        found.require_sound()


def test_what_is_left_out_is_told(folder: Path) -> None:
    (folder / "train/images/._even_000.png").write_bytes(b"of another system")
    paint(folder / "val/labels/lost.png", 0)

    assert [odd.split(" (")[0].split(" in ")[0] for odd in check(folder).odd] == [
        "1 hidden file",
        "1 label map",
    ]


def test_the_report_says_it_for_programs(folder: Path) -> None:
    said = json.loads(report_json(check(folder)))

    assert said["dataset"] == "scenes"
    assert said["splits"]["val"]["images"] == 2
    shares: Dict[str, float] = said["splits"]["train"]["class_shares"]
    assert list(shares) == list(NAMES)
    assert sum(shares.values()) == pytest.approx(1, abs=1e-5)
