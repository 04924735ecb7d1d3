"""The ceiling that serving is measured against: the same engine, its full-size head in the graph.

Same file, same preprocessing, same mode and settings; upsampling and argmax are appended to the
graph, the input is one image that never changes, and nothing is decoded or encoded.
"""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import openvino as ov
from openvino import opset13 as ops

from runtime.inference.backends.openvino import compile_settings, with_preprocessing
from runtime.inference.backends.openvino_core import openvino_core
from runtime.inference.engine import Mode
from runtime.repository.manifest import Build, EngineManifest


class RawEngine:
    """A compiled engine that ends in labels at the input's size.

    Args:
        manifest: geometry and normalisation.
        build: which build `artefact` is.
        artefact: the ONNX file.
        mode: as the daemon's.
    """

    def __init__(self, manifest: EngineManifest, build: Build, artefact: Path, mode: Mode) -> None:
        core = openvino_core()
        model = core.read_model(str(artefact))
        size = (manifest.input.height, manifest.input.width)
        model = with_preprocessing(with_head(model, size), manifest)
        self._compiled = core.compile_model(model, "CPU", compile_settings(core, build, mode))
        streams = self._compiled.get_property("NUM_STREAMS")
        self._queue = ov.AsyncInferQueue(self._compiled, streams)
        self._image = np.full((1, *size, 3), 128, np.uint8)

    def use_image(self, pixels: np.ndarray) -> None:
        """Computes on this (height, width, 3) uint8 image from now on."""
        self._image = np.ascontiguousarray(pixels[None])

    def frames_per_second(self, seconds: float) -> float:
        """Throughput with as many frames in flight as the engine has streams."""
        for _ in range(4):
            self._queue.start_async({0: self._image}, share_inputs=True)
        self._queue.wait_all()
        started, frames = time.perf_counter(), 0
        while time.perf_counter() - started < seconds:
            self._queue.start_async({0: self._image}, share_inputs=True)
            frames += 1
        self._queue.wait_all()
        return frames / (time.perf_counter() - started)


def with_head(model: ov.Model, size: tuple[int, int]) -> ov.Model:
    """Appends bilinear upsampling to `size`, argmax and a cast to uint8 to a graph of logits."""
    logits = model.output(0).get_node().input_value(0)
    full = ops.interpolate(
        logits,
        np.array(size, np.int64),
        mode="linear_onnx",
        shape_calculation_mode="sizes",
        coordinate_transformation_mode="half_pixel",
        axes=np.array([2, 3], np.int64),
    )
    winners = ops.topk(full, np.int32(1), axis=1, mode="max", sort="none", index_element_type="i32")
    labels = ops.convert(winners.output(1), "u8")
    return ov.Model([labels], model.get_parameters(), "with_head")
