from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Dict

import numpy as np
import pytest
from PIL import Image

from runtime.builder.data.layouts import open_dataset
from runtime.errors import InvalidInput
from tests.awkward_names import NOT_UTF8
from tests.builder.networks import textured_dataset
from tests.builder.scenes import NAMES, PALETTE, write_dataset


def save(path: Path, array: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(array).save(path)


@pytest.fixture
def cityscapes(tmp_path: Path) -> Path:
    """One image whose label map holds every labelId there is, 255 (a license plate) included."""
    ids = np.r_[np.arange(34), 255].astype(np.uint8)[None]
    drive = "train/aachen/aachen_000000_000019"
    save(tmp_path / f"leftImg8bit/{drive}_leftImg8bit.png", np.zeros((1, 35, 3), np.uint8))
    save(tmp_path / f"gtFine/{drive}_gtFine_labelIds.png", ids)
    save(tmp_path / f"gtFine/{drive}_gtFine_instanceIds.png", ids)
    return tmp_path


@pytest.fixture
def ade20k(tmp_path: Path) -> Path:
    names = [f"thing {k}, other name" for k in range(1, 149)] + ["screen, door", "screen, crt"]
    rows = [f"{k + 1}\t0.1\t10\t2\t{name}" for k, name in enumerate(names)]
    table = "\n".join(["Idx\tRatio\tTrain\tVal\tName", *rows]) + "\n"
    (tmp_path / "objectInfo150.txt").write_text(table, encoding="utf-8")
    ids = np.array([[0, 1, 150]], np.uint8)
    save(tmp_path / "images/training/ADE_train_00000001.jpg", np.zeros((1, 3, 3), np.uint8))
    save(tmp_path / "annotations/training/ADE_train_00000001.png", ids)
    return tmp_path


def test_the_native_form_says_its_classes_and_finds_its_splits(tmp_path: Path) -> None:
    dataset = open_dataset(write_dataset(tmp_path, train=3, val=2))

    assert dataset.name == "scenes"
    assert dataset.classes.names == NAMES
    assert dataset.classes.palette == PALETTE
    assert [p.split for p in dataset.samples] == ["train"] * 3 + ["val"] * 2


def test_cityscapes_ids_are_the_official_train_ids(cityscapes: Path) -> None:
    definition = pytest.importorskip("cityscapesscripts.helpers.labels")
    official = np.full(256, 255, np.uint8)
    for label in definition.labels:
        if 0 <= label.trainId < 19:
            official[label.id] = label.trainId
    dataset = open_dataset(cityscapes)

    _, labels = dataset.load(0)

    np.testing.assert_array_equal(labels[0], official[[*range(34), 255]])
    for train_id, name in enumerate(dataset.classes.names):
        assert definition.trainId2label[train_id].name == name
        assert definition.trainId2label[train_id].color == dataset.classes.palette[train_id]


def test_cityscapes_samples_are_named_by_drive_and_split(cityscapes: Path) -> None:
    (sample,) = open_dataset(cityscapes).samples

    assert (sample.name, sample.split) == ("aachen_000000_000019", "train")


def test_ade20k_ignores_zero_and_counts_classes_from_one(ade20k: Path) -> None:
    dataset = open_dataset(ade20k)

    _, labels = dataset.load(0)

    np.testing.assert_array_equal(labels, [[255, 0, 149]])
    assert len(dataset.classes) == 150
    assert dataset.samples[0].split == "training"


def test_ade20k_names_are_short_unless_they_would_repeat(ade20k: Path) -> None:
    names = open_dataset(ade20k).classes.names

    assert names[0] == "thing 1"
    assert names[148:] == ("screen, door", "screen, crt")


def test_ade20k_colours_can_be_told_apart(ade20k: Path) -> None:
    assert len(set(open_dataset(ade20k).classes.palette)) == 150


def test_an_image_without_labels_is_named(tmp_path: Path) -> None:
    folder = write_dataset(tmp_path)
    (folder / "val" / "labels" / "odd_101.png").unlink()

    with pytest.raises(InvalidInput, match=r"images/odd_101\.png has no label map"):
        open_dataset(folder)


def test_a_folder_of_no_layout_is_refused_with_the_layouts(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match=r"not a dataset.*dataset\.json.*gtFine.*annotations"):
        open_dataset(tmp_path)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"classes": None}, "classes"),
        ({"palette": [[1, 2]]}, "palette"),
        ({"palette": [[1, 2, 3]]}, "1 colours for 3 classes"),
        ({"ignore_id": 1}, "ignore_id 1"),
    ],
)
def test_a_contradictory_description_is_refused(
    tmp_path: Path, change: Dict[str, Any], said: str
) -> None:
    path = write_dataset(tmp_path) / "dataset.json"
    path.write_text(
        json.dumps({**json.loads(path.read_text(encoding="utf-8")), **change}), encoding="utf-8"
    )

    with pytest.raises(InvalidInput, match=said):
        open_dataset(tmp_path)


def test_a_description_that_is_not_json_is_refused(tmp_path: Path) -> None:
    (write_dataset(tmp_path) / "dataset.json").write_text("{", encoding="utf-8")

    with pytest.raises(InvalidInput, match="not a dataset description"):
        open_dataset(tmp_path)


def test_a_dataset_without_samples_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="holds no images"):
        open_dataset(write_dataset(tmp_path, train=0, val=0))


def test_files_whose_names_are_not_utf8_have_names_that_reports_and_hashes_take(
    tmp_path: Path,
) -> None:
    folder = textured_dataset(tmp_path / "brightness")
    for part, ending in (("images", "png"), ("labels", "png")):
        first = folder / "train" / part / f"image-0.{ending}"
        first.rename(first.with_name(f"{NOT_UTF8}.{ending}"))
    dataset = open_dataset(folder)
    names = [sample.name for sample in dataset.samples]
    assert "caf\\udce9" in names
    at = names.index("caf\\udce9")
    assert dataset.samples[at].image.stem == NOT_UTF8
    assert dataset.load(at)[0].size
