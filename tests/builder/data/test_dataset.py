from __future__ import annotations

from pathlib import Path
from typing import Callable

import numpy as np
import pytest
from PIL import Image

from runtime.builder.data.dataset import SegmentationDataset, evenly
from runtime.builder.data.layouts import open_dataset
from runtime.errors import InvalidInput
from tests.builder.scenes import PALETTE, scene, write_dataset


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_dataset(tmp_path / "scenes", train=4, val=2)


@pytest.fixture
def dataset(folder: Path) -> SegmentationDataset:
    return open_dataset(folder)


def test_a_sample_is_loaded_as_it_was_written(dataset: SegmentationDataset) -> None:
    painted, painted_labels = scene(0)

    image, labels = dataset.load(0)

    np.testing.assert_array_equal(image, painted)
    np.testing.assert_array_equal(labels, painted_labels)
    assert image.dtype == labels.dtype == np.uint8


def test_splits_are_selected_by_name(dataset: SegmentationDataset) -> None:
    assert len(dataset) == 6
    assert dataset.splits == ("train", "val")
    assert [p.name for p in dataset.of_splits("val").samples] == ["even_100", "odd_101"]


def test_an_unknown_split_is_refused_with_those_there_are(dataset: SegmentationDataset) -> None:
    with pytest.raises(InvalidInput, match=r"no split 'test'.*train, val"):
        dataset.of_splits("test")


def test_a_pattern_holds_out_what_it_matches_and_nothing_is_lost(
    dataset: SegmentationDataset,
) -> None:
    rest, held = dataset.hold_out("odd_*")

    assert [p.name for p in held.samples] == ["odd_001", "odd_003", "odd_101"]
    assert {p.name for p in rest.samples} | {p.name for p in held.samples} == {
        p.name for p in dataset.samples
    }
    assert len(rest) + len(held) == len(dataset)


def test_samples_are_selected_by_name(dataset: SegmentationDataset) -> None:
    assert [p.name for p in dataset.named("even_0*").samples] == ["even_000", "even_002"]
    with pytest.raises(InvalidInput, match="no image of 'scenes' is called 'night_'"):
        dataset.named("night_")


@pytest.mark.parametrize("pattern", ["nothing_*", "*"])
def test_a_pattern_that_holds_out_none_or_all_is_refused(
    dataset: SegmentationDataset, pattern: str
) -> None:
    with pytest.raises(InvalidInput, match="none or all"):
        dataset.hold_out(pattern)


def test_labels_of_a_palette_png_are_its_indices(folder: Path) -> None:
    path = folder / "train" / "labels" / "even_000.png"
    with Image.open(path) as opened:
        indexed = opened.copy()
    indexed.putpalette([value for number in range(256) for value in PALETTE[number % 3]])
    indexed.save(path)

    _, labels = open_dataset(folder).load(0)

    np.testing.assert_array_equal(labels, scene(0)[1])


def _remove_image(folder: Path) -> None:
    (folder / "train" / "images" / "even_000.png").unlink()


def _truncate_image(folder: Path) -> None:
    path = folder / "train" / "images" / "even_000.png"
    path.write_bytes(path.read_bytes()[:20])


def _empty_image(folder: Path) -> None:
    (folder / "train" / "images" / "even_000.png").write_bytes(b"")


def _truncate_labels(folder: Path) -> None:
    path = folder / "train" / "labels" / "even_000.png"
    path.write_bytes(path.read_bytes()[:20])


def _shrink_labels(folder: Path) -> None:
    Image.new("L", (32, 64)).save(folder / "train" / "labels" / "even_000.png")


def _colour_labels(folder: Path) -> None:
    Image.new("RGB", (64, 64)).save(folder / "train" / "labels" / "even_000.png")


def _deep_labels(folder: Path) -> None:
    deep = np.zeros((64, 64), np.uint16)
    Image.fromarray(deep).save(folder / "train" / "labels" / "even_000.png")


def _foreign_id(folder: Path) -> None:
    Image.new("L", (64, 64), 3).save(folder / "train" / "labels" / "even_000.png")


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (_remove_image, r"images/even_000\.png does not exist"),
        (_truncate_image, r"images/even_000\.png: the PNG ends before"),
        (_empty_image, r"images/even_000\.png: the image is empty"),
        (_truncate_labels, r"labels/even_000\.png cannot be decoded"),
        (_shrink_labels, r"labels/even_000\.png is 32x64 but its image even_000\.png is 64x64"),
        (_colour_labels, r"labels/even_000\.png holds colours\. .*8-bit"),
        (_deep_labels, r"labels/even_000\.png holds 16-bit numbers\. .*8-bit"),
        (_foreign_id, r"labels/even_000\.png holds the ids \[3\].*0 to 2.*255"),
    ],
)
def test_a_damaged_sample_is_named_in_one_sentence(
    dataset: SegmentationDataset, folder: Path, damage: Callable[[Path], None], said: str
) -> None:
    damage(folder)

    with pytest.raises(InvalidInput, match=said):
        dataset.load(0)


def test_some_of_many_are_spread_evenly() -> None:
    assert evenly(range(10), 3) == (0, 3, 6)
    assert evenly(range(2), 5) == (0, 1)
