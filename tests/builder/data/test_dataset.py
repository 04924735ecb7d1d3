from __future__ import annotations

import json
from pathlib import Path
from typing import Callable

import numpy as np
import pytest
from PIL import Image

from runtime.builder.data.dataset import SegmentationDataset, evenly
from runtime.builder.data.layouts import open_dataset
from runtime.errors import InvalidInput
from runtime.image.orientation import turned_upright
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


def _turn(folder: Path, orientation: int, labels_too: bool = False) -> None:
    """Gives the first image an EXIF orientation; its pixels stay as they are stored."""
    exif = Image.Exif()
    exif[0x0112] = orientation
    for kind in ("images", "labels") if labels_too else ("images",):
        path = folder / "train" / kind / "even_000.png"
        with Image.open(path) as opened:
            pixels = opened.copy()
        pixels.save(path, exif=exif)


def _say(folder: Path, drawn_on: str) -> None:
    path = folder / "dataset.json"
    said = {**json.loads(path.read_text(encoding="utf-8")), "labels_drawn_on": drawn_on}
    path.write_text(json.dumps(said), encoding="utf-8")


@pytest.mark.parametrize("orientation", range(2, 9))
class TestTurnedImages:
    def test_labels_with_the_same_orientation_turn_along(
        self, folder: Path, orientation: int
    ) -> None:
        _turn(folder, orientation, labels_too=True)

        image, labels = open_dataset(folder).load(0)

        np.testing.assert_array_equal(image, turned_upright(scene(0)[0], orientation))
        np.testing.assert_array_equal(labels, turned_upright(scene(0)[1], orientation))

    def test_what_nothing_tells_is_refused_with_the_way_to_say_it(
        self, folder: Path, orientation: int
    ) -> None:
        _turn(folder, orientation)

        with pytest.raises(InvalidInput, match=f"orientation {orientation}.*labels_drawn_on"):
            open_dataset(folder).load(0)

    def test_the_dataset_may_say_it(self, folder: Path, orientation: int) -> None:
        _turn(folder, orientation)
        stored = scene(0)[1]

        _say(folder, "stored")
        np.testing.assert_array_equal(
            open_dataset(folder).load(0)[1], turned_upright(stored, orientation)
        )
        _say(folder, "upright")
        np.testing.assert_array_equal(open_dataset(folder).load(0)[1], stored)


@pytest.mark.parametrize("orientation", [5, 6, 7, 8])
@pytest.mark.parametrize("drawn_on", ["upright", "stored"])
def test_labels_of_an_image_turned_sideways_are_told_by_their_size(
    tmp_path: Path, orientation: int, drawn_on: str
) -> None:
    folder = write_dataset(tmp_path, train=1, val=1, size=(32, 48))
    _turn(folder, orientation)
    shown = turned_upright(scene(0, 32, 48)[1], orientation)
    if drawn_on == "upright":
        Image.fromarray(shown).save(folder / "train" / "labels" / "even_000.png")

    image, labels = open_dataset(folder).load(0)

    assert image.shape == (48, 32, 3)
    np.testing.assert_array_equal(labels, shown)


def test_a_label_map_turned_for_itself_is_refused(folder: Path) -> None:
    _turn(folder, 3, labels_too=True)
    _turn(folder, 1)

    with pytest.raises(InvalidInput, match=r"orientation 3, its image even_000\.png 1"):
        open_dataset(folder).load(0)


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
