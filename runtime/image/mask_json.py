"""Label maps as JSON documents: statistics, run lengths and polygons. docs/masks.md shows each.

Every document names the size of the mask and of its frame, and lists the classes that occur.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, Dict, Iterator, List, Tuple

import cv2
import numpy as np

from runtime.image.frame import Frame
from runtime.image.label_map import LabelMap

Record = Dict[str, Any]


@dataclass(frozen=True)
class _Extent:
    """Where a class lies in a mask, and how many pixels it has there."""

    left: int
    top: int
    width: int
    height: int
    pixels: int

    def crop(self, labels: np.ndarray) -> np.ndarray:
        """The part of the mask inside the bounding box."""
        return labels[self.top : self.top + self.height, self.left : self.left + self.width]


def statistics_json(labels: LabelMap, frame: Frame) -> bytes:
    """Pixels, share and bounding box of every class that occurs.

    `box` is [x, y, width, height] in the mask's pixels.
    """
    classes = [
        {
            **_class_record(labels, number),
            "pixels": extent.pixels,
            "share": round(extent.pixels / labels.labels.size, 6),
            "box": [extent.left, extent.top, extent.width, extent.height],
        }
        for number, extent in _extents(labels.labels)
    ]
    return _document(labels, frame, classes)


def rle_json(labels: LabelMap, frame: Frame) -> bytes:
    """Run lengths of every class that occurs, in COCO's uncompressed form.

    `segmentation` is {"size": [height, width], "counts": [...]}: lengths of runs in column-major
    order, in turn outside and inside of the class, the first one outside. Lossless.
    """
    columns = cv2.transpose(labels.labels).reshape(-1)
    starts, ends, ids = _runs(np.flatnonzero(columns[1:] != columns[:-1]) + 1, columns)
    classes = []
    for number, runs in _by_class(ids):
        edges = np.stack((starts[runs], ends[runs]), axis=1).reshape(-1)
        counts = np.diff(edges, prepend=0, append=columns.size)
        # A class that holds the last pixel has no outside after it.
        counts = counts if counts[-1] else counts[:-1]
        size = [labels.height, labels.width]
        record = _class_record(labels, number)
        record["segmentation"] = {"size": size, "counts": counts.tolist()}
        classes.append(record)
    return _document(labels, frame, classes)


def polygons_json(labels: LabelMap, frame: Frame, epsilon: float) -> bytes:
    """Outlines of every region, in the frame's coordinates.

    Outlines run along the edges of pixels (a single pixel at the origin is the square from (0, 0)
    to (1, 1)), so with `epsilon` 0 their areas are the pixel counts exactly and neighbours share
    their border. Pixels that touch at a corner belong to one region.

    Args:
        labels: the mask.
        frame: what was segmented; coordinates are scaled to its size.
        epsilon: distance that the simplified outline may keep from the exact one, in pixels of
            the mask (Douglas and Peucker 1973). OpenCV's last clean-up lets about one outline in a
            thousand stray up to 40 % further. An outline that would vanish stays exact.
    """
    scale = np.array((frame.width / labels.width, frame.height / labels.height))
    classes = []
    for number, extent in _extents(labels.labels):
        origin = (extent.left, extent.top)
        polygons = [
            {
                "outer": _points(outer, origin, scale),
                "holes": [_points(hole, origin, scale) for hole in holes],
            }
            for outer, holes in _regions(extent.crop(labels.labels) == number, epsilon)
        ]
        classes.append({**_class_record(labels, number), "polygons": polygons})
    return _document(labels, frame, classes)


def _document(labels: LabelMap, frame: Frame, classes: List[Record]) -> bytes:
    document = {
        "frame": {"height": frame.height, "width": frame.width},
        "mask": {"height": labels.height, "width": labels.width},
        "classes": classes,
    }
    return json.dumps(document, separators=(",", ":")).encode()


def _class_record(labels: LabelMap, number: int) -> Record:
    red, green, blue = labels.classes.palette[number]
    colour = f"#{red:02x}{green:02x}{blue:02x}"
    return {"id": number, "name": labels.classes.names[number], "colour": colour}


def _runs(breaks: np.ndarray, flat: np.ndarray) -> Tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Starts, ends (exclusive) and class ids of the runs between the given breaks of `flat`."""
    starts = np.concatenate(([0], breaks))
    ends = np.concatenate((breaks, [flat.size]))
    return starts, ends, flat[starts]


def _by_class(ids: np.ndarray) -> Iterator[Tuple[int, np.ndarray]]:
    """Class ids that occur, ascending, each with the positions of its runs, ascending."""
    order = np.argsort(ids, kind="stable")
    present, first = np.unique(ids[order], return_index=True)
    yield from zip(present.tolist(), np.split(order, first[1:]))


def _extents(labels: np.ndarray) -> Iterator[Tuple[int, _Extent]]:
    """Every class that occurs, by ascending id."""
    width = labels.shape[1]
    flat = labels.reshape(-1)
    changed = flat[1:] != flat[:-1]
    # A run that went on into the next row would hide where the row's pixels lie.
    changed[width - 1 :: width] = True
    starts, ends, ids = _runs(np.flatnonzero(changed) + 1, flat)
    for number, runs in _by_class(ids):
        top, bottom = int(starts[runs[0]]) // width, int(starts[runs[-1]]) // width
        left = int((starts[runs] % width).min())
        right = int(((ends[runs] - 1) % width).max())
        pixels = int((ends[runs] - starts[runs]).sum())
        yield number, _Extent(left, top, right - left + 1, bottom - top + 1, pixels)


def _regions(inside: np.ndarray, epsilon: float) -> Iterator[Tuple[np.ndarray, List[np.ndarray]]]:
    """The outlines of each connected region of a (height, width) bool array, and of its holes."""
    # OpenCV's outlines run through the centres of border pixels. In the doubled image every pixel
    # has four such centres, and rounding each half its way outwards gives the corner it stands for.
    doubled = cv2.resize(inside.astype(np.uint8), None, fx=2, fy=2, interpolation=cv2.INTER_NEAREST)
    rings, tree = cv2.findContours(doubled, cv2.RETR_CCOMP, cv2.CHAIN_APPROX_SIMPLE)[-2:]
    holes: Dict[int, List[np.ndarray]] = {}
    outer: Dict[int, np.ndarray] = {}
    for number, ring in enumerate(rings):
        corners = _corners(ring.reshape(-1, 2))
        parent = int(tree[0, number, 3])
        if parent < 0:
            outer[number] = _simplified(corners, epsilon)
        else:
            holes.setdefault(parent, []).append(_simplified(corners, epsilon))
    for number, ring in outer.items():
        yield ring, holes.get(number, [])


def _corners(ring: np.ndarray) -> np.ndarray:
    """A ring of the doubled image as pixel corners; the two points of a concave one merge."""
    corners: np.ndarray = (ring + 1) // 2
    distinct: np.ndarray = (corners != np.roll(corners, 1, axis=0)).any(axis=1)
    return np.compress(distinct, corners, axis=0)


def _simplified(ring: np.ndarray, epsilon: float) -> np.ndarray:
    if epsilon == 0:
        return ring
    simple = cv2.approxPolyDP(ring.reshape(-1, 1, 2), epsilon, closed=True).reshape(-1, 2)
    return simple if len(simple) > 2 else ring


def _points(ring: np.ndarray, origin: Tuple[int, int], scale: np.ndarray) -> List[List[float]]:
    points = ring + np.array(origin)
    if (scale == 1).all():
        return [[x, y] for x, y in points.tolist()]
    return [[x, y] for x, y in np.round(points * scale, 2).tolist()]
