from __future__ import annotations

from pathlib import Path
from typing import Callable, Dict

import numpy as np
import pytest
from PIL import Image

from runtime.builder.data.label_map_guess import label_map_hint, require_image
from runtime.errors import InvalidInput
from runtime.image.label_map import Classes, LabelMap
from runtime.image.label_png import palette_png
from tests.image.damage import scene

CLASSES = Classes(tuple(f"class {k}" for k in range(19)), tuple((k, k, k) for k in range(19)))


def grey() -> np.ndarray:
    """A camera's grey image with all its noise."""
    grey: np.ndarray = scene(96, 128).mean(-1)
    return grey


def ids(height: int = 96, width: int = 128) -> np.ndarray:
    """Class ids in pieces, as a label map has them."""
    rows, columns = np.mgrid[:height, :width]
    pieces: np.ndarray = ((rows // 48) * 2 + columns // 64).astype(np.uint8)
    return pieces


def saved(path: Path, pixels: np.ndarray) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels.astype(np.uint8)).save(path)
    return path


CAMERAS: Dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "by day": lambda pixels: pixels,
    "at dusk": lambda pixels: pixels / 3,
    "at night": lambda pixels: pixels / 8,
    "at night, nearly black": lambda pixels: pixels / 32,
    "in fog": lambda pixels: 120 + pixels / 6.5,
    "of heat, 5 bits": lambda pixels: pixels // 8 * 8,
    "of heat, 16 levels": lambda pixels: pixels // 16 * 16,
    "with its lens covered": lambda pixels: pixels * 0,
    "blinded": lambda pixels: pixels * 0 + 255,
}


@pytest.mark.parametrize("camera", sorted(CAMERAS))
@pytest.mark.parametrize("folder", ["frames", "images", "night", "unlabelled", "seg7-camera"])
def test_a_grey_image_of_few_values_is_an_image(tmp_path: Path, camera: str, folder: str) -> None:
    path = saved(tmp_path / folder / "0001.png", CAMERAS[camera](grey()))
    assert label_map_hint(path, CLASSES) is None
    require_image(path, CLASSES)


def test_a_thermal_image_beside_the_same_view_in_colour_is_an_image(tmp_path: Path) -> None:
    saved(tmp_path / "images" / "0001.png", scene(96, 128))
    path = saved(tmp_path / "thermal" / "0001.png", grey() // 16 * 16)
    assert label_map_hint(path, CLASSES) is None


@pytest.mark.parametrize(
    "folder", ["labels", "label", "masks", "annotations", "gtFine", "GT", "ground-truth", "seg"]
)
def test_a_folder_of_labels_is_told_by_its_name(tmp_path: Path, folder: str) -> None:
    path = saved(tmp_path / folder / "0001.png", ids() * 10)
    with pytest.raises(InvalidInput, match=rf"0001\.png is a label map.*{folder}.*--grey-images"):
        require_image(path, CLASSES)


@pytest.mark.parametrize("stem", ["ulm_000_gtFine_labelIds", "a_labelTrainIds", "a_mask", "7_gt"])
def test_a_label_map_is_told_by_its_own_name(tmp_path: Path, stem: str) -> None:
    path = saved(tmp_path / "ulm" / f"{stem}.png", ids() + 7)
    assert label_map_hint(path, CLASSES) == "it is named like one"


def test_class_ids_in_pieces_are_told_without_a_name(tmp_path: Path) -> None:
    path = saved(tmp_path / "a" / "0001.png", ids())
    assert label_map_hint(path, CLASSES) == "they are class ids in flat pieces"


def test_class_ids_are_told_by_the_image_that_they_belong_to(tmp_path: Path) -> None:
    image = saved(tmp_path / "images" / "0001.png", scene(96, 128))
    noise = np.random.default_rng(0).integers(0, 19, (96, 128))
    path = saved(tmp_path / "a" / "0001.png", noise)
    assert label_map_hint(path, CLASSES) == f"its values are class ids of the image {image}"


def test_a_palette_of_class_ids_is_told(tmp_path: Path) -> None:
    labels = Image.fromarray(ids(), "P")
    labels.putpalette(list(range(256)) * 3)
    labels.save(tmp_path / "0001.png")
    hint = label_map_hint(tmp_path / "0001.png", CLASSES)
    assert hint == "its palette's entries are class ids"


def test_a_mask_that_this_runtime_wrote_is_told(tmp_path: Path) -> None:
    few = Classes(("sky", "road"), ((0, 0, 0), (9, 9, 9)))
    (tmp_path / "0001.png").write_bytes(palette_png(LabelMap(ids() % 2, few)))
    assert label_map_hint(tmp_path / "0001.png", CLASSES) == "it lists its classes"


def test_what_is_no_png_or_broken_is_left_to_the_decoder(tmp_path: Path) -> None:
    (tmp_path / "labels").mkdir()
    (tmp_path / "labels" / "0001.png").write_bytes(b"broken")
    assert label_map_hint(tmp_path / "labels" / "0001.png", CLASSES) is None
    assert label_map_hint(saved(tmp_path / "labels" / "0002.jpg", ids()), CLASSES) is None
