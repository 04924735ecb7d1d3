"""Full-size labels: the cells of `postprocess.cpu` against the ways that interpolate every pixel.

`python -m benchmarks.labels` measures on smooth synthetic logits; with `--engine FOLDER --images
FOLDER` on the logits that an engine gives, at its own size and, mirrored side by side, at
1024x2048. Each way gets the logits in the layout it likes. All ways compute the same labels but for
classes within rounding of each other; how many pixels differ from the reference is printed, and
with an engine also how many do of the masks that it serves.
"""

from __future__ import annotations

import argparse
import time
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Callable, Dict, List

import cv2
import numpy as np
import openvino as ov
from openvino import opset13 as ops

from benchmarks.ratios import interleaved, show
from benchmarks.raw_engine import with_head
from runtime.device.machine import this_machine
from runtime.image.codec import ImageLimits, decode_image
from runtime.image.frame import Frame
from runtime.inference.backends.open_engine import open_engine
from runtime.inference.backends.openvino_core import openvino_core
from runtime.inference.engine import SegmentOptions
from runtime.inference.letterbox import place
from runtime.inference.postprocess.cpu import LabelUpsampler
from runtime.inference.postprocess.reference import labels_from_logits
from runtime.inference.segmenter import Segmenter, segmenters_of
from runtime.repository.choose_build import choose_build
from runtime.repository.engine_folder import EngineFolder

LIMITS = ImageLimits(max_bytes=1 << 26, max_pixels=1 << 26)
Labelling = Callable[[int], np.ndarray]
"""From the number of a case's image to its labels."""


@dataclass(frozen=True)
class Case:
    """Logits of some images, each (grid height, grid width, classes) float32."""

    name: str
    logits: List[np.ndarray]
    factor: int

    @property
    def size(self) -> tuple[int, int]:
        """Height and width of the labels."""
        height, width, _ = self.logits[0].shape
        return height * self.factor, width * self.factor

    @property
    def planes(self) -> List[np.ndarray]:
        """The logits as (classes, grid height, grid width)."""
        return [np.ascontiguousarray(x.transpose(2, 0, 1)) for x in self.logits]

    @property
    def mixed(self) -> float:
        """Share of the cells whose four corners do not agree."""
        winners = [x.argmax(axis=2) for x in self.logits]
        across = [(w[:, 1:] != w[:, :-1]) for w in winners]
        down = [(w[1:] != w[:-1]) for w in winners]
        return float(np.mean([a[1:] | a[:-1] | d[:, 1:] | d[:, :-1] for a, d in zip(across, down)]))


class RunningMaximum:
    """OpenCV's bilinear resize, class after class, keeping the best so far."""

    def __init__(self, case: Case) -> None:
        self._size = case.size
        self._planes = case.planes
        self._ids = [np.full(case.size, n, np.uint8) for n in range(len(case.planes[0]))]

    def __call__(self, image: int) -> np.ndarray:
        """Labels of one image."""
        labels: np.ndarray = self._ids[0].copy()
        best = self._full(self._planes[image][0])
        for ids, plane in zip(self._ids[1:], self._planes[image][1:]):
            value = self._full(plane)
            cv2.copyTo(ids, cv2.compare(value, best, cv2.CMP_GT), labels)
            cv2.max(best, value, best)
        return labels

    def _full(self, plane: np.ndarray) -> np.ndarray:
        full: np.ndarray = cv2.resize(plane, self._size[::-1], interpolation=cv2.INTER_LINEAR)
        return full


class InGraph:
    """OpenVINO's own upsampling and argmax, compiled for one frame on all cores."""

    def __init__(self, case: Case) -> None:
        self._planes = [planes[None] for planes in case.planes]
        logits = ops.parameter(list(self._planes[0].shape), ov.Type.f32)
        model = with_head(ov.Model([logits], [logits], "logits"), case.size)
        settings = {"PERFORMANCE_HINT": "LATENCY", "INFERENCE_PRECISION_HINT": "f32"}
        self._request = openvino_core().compile_model(model, "CPU", settings).create_infer_request()
        self._size = case.size

    def __call__(self, image: int) -> np.ndarray:
        """Labels of one image."""
        planes = self._planes[image]
        found = self._request.infer([planes], share_inputs=True, share_outputs=True)
        return np.asarray(found[0]).reshape(self._size)


def smooth_logits(height: int, width: int, classes: int, seed: int) -> np.ndarray:
    """Regions with soft borders: as many cells with a border inside as street scenes have."""
    rng = np.random.default_rng(seed)
    coarse = rng.normal(size=(classes, height // 16 + 2, width // 16 + 2)).astype(np.float32)
    smooth = [cv2.resize(plane, (width, height), interpolation=cv2.INTER_CUBIC) for plane in coarse]
    noise = rng.normal(scale=0.1, size=(height, width, classes))
    return np.ascontiguousarray(5 * np.stack(smooth, axis=-1) + noise, np.float32)


def synthetic_cases(images: int) -> List[Case]:
    """The demo model's geometry, and Cityscapes at full size."""
    return [
        Case(
            f"synthetic {height}x{width}x{classes}",
            [smooth_logits(height, width, classes, seed) for seed in range(images)],
            8,
        )
        for height, width, classes in ((45, 60, 11), (128, 256, 19))
    ]


def engine_cases(folder: Path, images: Path, count: int) -> List[Case]:
    """What an engine says about the first images of a folder.

    Logits come from a slot; the masks that are served may be made by the engine's own pipelines, so
    they are compared with the reference beforehand.

    Args:
        folder: of the engine.
        images: a folder of nothing else.
        count: of the images to take, in the order of their names.
    """
    engine_folder = EngineFolder(folder)
    manifest = engine_folder.manifest
    build = choose_build(engine_folder, this_machine())
    logits = []
    with open_engine(manifest, build, engine_folder.verified(build), "latency") as engine:
        served, slot = segmenters_of(manifest, engine)[0], engine.slots[0]
        by_slot, wanted = Segmenter(manifest, slot), SegmentOptions("model")
        for number, path in enumerate(sorted(images.iterdir())[:count]):
            frame = Frame(decode_image(path.read_bytes(), LIMITS), number, 0.0, path.name)
            by_slot.segment(frame, wanted)
            logits.append(slot.output.copy())
            found = served.segment(frame, wanted).labels.labels
            placement = place(frame.height, frame.width, manifest.input)
            truth = labels_from_logits(logits[-1], (manifest.input.height, manifest.input.width))
            wrong = np.count_nonzero(found != truth[placement.rows, placement.columns])
            print(f"{path.name}: served: {wrong} of {found.size} pixels differ from the reference")
    factor = manifest.input.height // manifest.output.height
    rows, columns = 1024 // factor, 2048 // factor
    missing = [(0, rows - manifest.output.height), (0, columns - manifest.output.width), (0, 0)]
    tiled = [np.pad(x, missing, mode="symmetric") for x in logits]
    return [
        Case(f"{manifest.name}, its own size", logits, factor),
        Case(f"{manifest.name}, mirrored to 1024x2048", tiled, factor),
    ]


def measure(case: Case, rounds: int) -> None:
    """Prints one case's table; the ratio is the time of a way over that of the cells.

    Args:
        case: whose logits are labelled.
        rounds: measurements of each way, taken in turns.
    """
    upsampler = LabelUpsampler(case.size)
    ways: Dict[str, Labelling] = {
        "cells": lambda image: upsampler.labels(case.logits[image]),
        "OpenCV, running maximum": RunningMaximum(case),
        "OpenVINO, in the graph": InGraph(case),
    }
    truth = labels_from_logits(case.logits[0], case.size)
    for name, way in ways.items():
        wrong = np.count_nonzero(way(0) != truth)
        print(f"{case.name}: {name}: {wrong} of {truth.size} pixels differ from the reference")
    images = len(case.logits)
    timed = {name: partial(milliseconds, way, images) for name, way in ways.items()}
    rows = interleaved(timed["cells"], timed, rounds)
    title = f"labels at {case.size[0]}x{case.size[1]}, {case.mixed:.1%} of the cells mixed"
    show(f"{case.name}: {title}", "ms", rows)


def milliseconds(labelling: Labelling, images: int) -> float:
    """Mean milliseconds per image of a case."""
    started = time.perf_counter()
    for image in range(images):
        labelling(image)
    return (time.perf_counter() - started) * 1000 / images


def main() -> None:
    """Measures what the arguments ask for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--engine", type=Path, help="folder of an engine to take logits from")
    parser.add_argument("--images", type=Path, help="folder of images to show it")
    parser.add_argument("--count", type=int, default=4, help="images of each case")
    parser.add_argument("--rounds", type=int, default=30)
    arguments = parser.parse_args()
    if (arguments.engine is None) != (arguments.images is None):
        parser.error("--engine and --images go together")
    if arguments.engine is None:
        cases = synthetic_cases(arguments.count)
    else:
        cases = engine_cases(arguments.engine, arguments.images, arguments.count)
    for case in cases:
        measure(case, arguments.rounds)


if __name__ == "__main__":
    main()
