from __future__ import annotations

import json
from typing import Any, Dict, List, Tuple

import numpy as np
import pytest

from runtime.image.frame import Frame
from runtime.image.label_map import Classes, LabelMap
from runtime.image.mask_json import polygons_json, rle_json, statistics_json

CLASSES = Classes(
    ("sky", "road", "car", "tree"), ((70, 130, 180), (128, 64, 128), (0, 0, 142), (107, 142, 35))
)


def label_map(rows: List[str]) -> LabelMap:
    """A mask drawn with digits."""
    return LabelMap(np.array([[int(cell) for cell in row] for row in rows], np.uint8), CLASSES)


def noise(height: int, width: int, count: int = 4) -> LabelMap:
    ids = np.random.default_rng(height * width).integers(0, count, (height, width))
    return LabelMap(ids.astype(np.uint8), CLASSES)


def blobs(height: int, width: int) -> LabelMap:
    """Regions with holes, diagonals and single pixels: a thresholded wave."""
    y, x = np.mgrid[:height, :width]
    wave = np.sin(x / 3.0) + np.cos(y / 4.0 + x / 7.0) + 0.6 * np.sin(x * y / 50.0)
    return LabelMap(np.digitize(wave, (-0.8, 0.1, 0.9)).astype(np.uint8), CLASSES)


MASKS = [noise(1, 1), noise(1, 9), noise(9, 1), noise(12, 17), noise(20, 20, 2), blobs(45, 60)]
Ring = List[Tuple[float, float]]


def frame_of(labels: LabelMap, scale: float = 1) -> Frame:
    height, width = int(labels.height * scale), int(labels.width * scale)
    return Frame(np.zeros((height, width, 3), np.uint8), 0, 0.0, "test")


def classes_of(document: bytes) -> List[Dict[str, Any]]:
    classes: List[Dict[str, Any]] = json.loads(document)["classes"]
    return classes


class TestStatistics:
    def test_by_hand(self) -> None:
        labels = label_map(["0011", "0211", "0222"])
        sky, road, car = classes_of(statistics_json(labels, frame_of(labels)))
        assert sky == {
            "id": 0,
            "name": "sky",
            "colour": "#4682b4",
            "pixels": 4,
            "share": round(4 / 12, 6),
            "box": [0, 0, 2, 3],
        }
        assert (road["box"], road["pixels"]) == ([2, 0, 2, 2], 4)
        assert (car["box"], car["pixels"]) == ([1, 1, 3, 2], 4)

    @pytest.mark.parametrize("labels", MASKS)
    def test_against_a_plain_count_of_pixels(self, labels: LabelMap) -> None:
        classes = classes_of(statistics_json(labels, frame_of(labels)))
        assert [entry["id"] for entry in classes] == np.unique(labels.labels).tolist()
        for entry in classes:
            rows, columns = np.nonzero(labels.labels == entry["id"])
            left, top, width, height = entry["box"]
            assert entry["pixels"] == len(rows)
            assert (left, left + width - 1) == (columns.min(), columns.max())
            assert (top, top + height - 1) == (rows.min(), rows.max())
        assert sum(entry["share"] for entry in classes) == pytest.approx(1, abs=1e-5)


def mask_from_counts(segmentation: Dict[str, Any]) -> np.ndarray:
    """COCO's definition: runs outside and inside in turn, down the columns."""
    height, width = segmentation["size"]
    counts = segmentation["counts"]
    inside = np.repeat(np.arange(len(counts)) % 2, counts)
    mask: np.ndarray = inside.reshape(width, height).T == 1
    return mask


class TestRunLengths:
    def test_by_hand(self) -> None:
        labels = label_map(["0011", "0211", "0222"])
        sky, _, car = classes_of(rle_json(labels, frame_of(labels)))
        assert sky["segmentation"] == {"size": [3, 4], "counts": [0, 4, 8]}
        assert car["segmentation"] == {"size": [3, 4], "counts": [4, 2, 2, 1, 2, 1]}

    @pytest.mark.parametrize("labels", MASKS)
    def test_the_masks_come_back(self, labels: LabelMap) -> None:
        for entry in classes_of(rle_json(labels, frame_of(labels))):
            mask = mask_from_counts(entry["segmentation"])
            assert np.array_equal(mask, labels.labels == entry["id"])

    @pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
    @pytest.mark.parametrize("labels", MASKS)
    def test_pycocotools_reads_them_and_writes_the_same(self, labels: LabelMap) -> None:
        coco = pytest.importorskip("pycocotools.mask")
        for entry in classes_of(rle_json(labels, frame_of(labels))):
            mask = np.asfortranarray(labels.labels == entry["id"], dtype=np.uint8)
            packed = coco.frPyObjects(entry["segmentation"], labels.height, labels.width)
            assert np.array_equal(coco.decode(packed), mask)
            assert packed == coco.encode(mask)


def area(ring: Ring) -> float:
    x, y = np.array(ring).T
    return float(abs(np.dot(x, np.roll(y, -1)) - np.dot(y, np.roll(x, -1))) / 2)


def filled(polygons: List[Dict[str, Any]], height: int, width: int) -> np.ndarray:
    """Pixels whose centres lie inside, by the even-odd rule along each row."""
    inside = np.zeros((height, width), bool)
    columns = np.arange(width) + 0.5
    for polygon in polygons:
        for ring in (polygon["outer"], *polygon["holes"]):
            for (x0, y0), (x1, y1) in zip(ring, ring[1:] + ring[:1]):
                for row in range(height):
                    if (y0 <= row + 0.5) != (y1 <= row + 0.5):
                        crossing = x0 + (row + 0.5 - y0) * (x1 - x0) / (y1 - y0)
                        inside[row] ^= columns > crossing
    return inside


class TestPolygons:
    def test_a_single_pixel_is_the_square_it_covers(self) -> None:
        labels = label_map(["000", "010"])
        _, road = classes_of(polygons_json(labels, frame_of(labels), epsilon=0))
        (polygon,) = road["polygons"]
        assert sorted(map(tuple, polygon["outer"])) == [(1, 1), (1, 2), (2, 1), (2, 2)]
        assert polygon["holes"] == []

    def test_a_hole_belongs_to_the_region_around_it(self) -> None:
        labels = label_map(["0000000", "0111011", "0121011", "0111000"])
        _, road, car = classes_of(polygons_json(labels, frame_of(labels), epsilon=0))
        ring, plain = sorted(road["polygons"], key=lambda polygon: -len(polygon["holes"]))
        assert [area(hole) for hole in ring["holes"]] == [1]
        assert (area(ring["outer"]), area(plain["outer"])) == (9, 4)
        assert ring["holes"][0] != car["polygons"][0]["outer"][0]

    def test_pixels_that_touch_at_a_corner_are_one_region(self) -> None:
        labels = label_map(["100", "010", "001"])
        _, road = classes_of(polygons_json(labels, frame_of(labels), epsilon=0))
        assert len(road["polygons"]) == 1

    @pytest.mark.parametrize("labels", MASKS)
    def test_exact_outlines_fill_to_the_mask_and_measure_its_area(self, labels: LabelMap) -> None:
        for entry in classes_of(polygons_json(labels, frame_of(labels), epsilon=0)):
            expected = labels.labels == entry["id"]
            assert np.array_equal(filled(entry["polygons"], *expected.shape), expected)
            areas = [area(p["outer"]) - sum(map(area, p["holes"])) for p in entry["polygons"]]
            assert sum(areas) == expected.sum()

    def test_simplified_outlines_are_shorter_and_near_the_exact_ones(self) -> None:
        labels = blobs(90, 120)
        exact = classes_of(polygons_json(labels, frame_of(labels), epsilon=0))
        simple = classes_of(polygons_json(labels, frame_of(labels), epsilon=1.0))
        assert len(json.dumps(simple)) < 0.7 * len(json.dumps(exact))
        for entry in simple:
            fill = filled(entry["polygons"], 90, 120)
            differing = fill != (labels.labels == entry["id"])
            # Only pixels within reach of a border may change sides.
            assert not (differing & interior(labels.labels)).any()

    def test_a_region_smaller_than_the_simplification_is_kept_exact(self) -> None:
        labels = label_map(["00000", "00100", "00000"])
        _, road = classes_of(polygons_json(labels, frame_of(labels), epsilon=50))
        assert area(road["polygons"][0]["outer"]) == 1

    def test_coordinates_are_those_of_the_frame(self) -> None:
        labels = label_map(["00", "01"])
        _, road = classes_of(polygons_json(labels, frame_of(labels, scale=3.5), epsilon=0))
        corners = sorted(map(tuple, road["polygons"][0]["outer"]))
        assert corners == [(3.5, 3.5), (3.5, 7.0), (7.0, 3.5), (7.0, 7.0)]


def interior(labels: np.ndarray) -> np.ndarray:
    """Pixels whose surroundings to a distance of two are all of their class."""
    padded = np.pad(labels, 2, constant_values=255)
    height, width = labels.shape
    same = np.ones(labels.shape, bool)
    for down in range(5):
        for right in range(5):
            same &= padded[down : down + height, right : right + width] == labels
    return same
