"""Times the layers of an ONNX file as OpenVINO's performance counters see them."""

from __future__ import annotations

import time
from typing import Dict, Tuple

import numpy as np
import openvino

from runtime.builder.export.graph import INPUT
from runtime.builder.export.onnx_runner import CPU_SETTINGS
from runtime.experiments.profile.profile import LayerTimes
from runtime.inference.backends.openvino_core import openvino_core


class OpenVinoTiming:
    """A network on OpenVINO's CPU plugin; see `runner.Timed`.

    It is compiled twice, because counting costs time of its own.

    Args:
        model: an ONNX file's content, float or quantized.
        size: rows and columns of the image.
        precision: what the model is called, such as `int8`.
    """

    def __init__(self, model: bytes, size: Tuple[int, int], precision: str) -> None:
        self.backend = f"openvino {precision}"
        core = openvino_core()
        network = core.read_model(model)
        plain = core.compile_model(network, "CPU", CPU_SETTINGS)
        counting = core.compile_model(network, "CPU", {**CPU_SETTINGS, "PERF_COUNT": True})
        # Counters know a fused layer by one of its names; the compiled graph knows all of them.
        self._names = {
            node.get_friendly_name(): _original_names(node)
            for node in counting.get_runtime_model().get_ordered_ops()
        }
        self._plain = plain.create_infer_request()
        self._counting = counting.create_infer_request()
        self._image = np.random.default_rng(0).normal(size=(1, 3, *size)).astype(np.float32)

    def forward(self) -> float:
        """See `runner.Timed`."""
        started = time.perf_counter()
        self._plain.infer({INPUT: self._image})
        return 1e3 * (time.perf_counter() - started)

    def layers(self) -> LayerTimes:
        """See `runner.Timed`."""
        self._counting.infer({INPUT: self._image})
        times: Dict[str, float] = {}
        for layer in self._counting.profiling_info:
            if layer.status == layer.Status.EXECUTED:
                name = f"{self._names.get(layer.node_name) or layer.node_name}"
                spent = 1e3 * layer.real_time.total_seconds()
                times[name] = times.get(name, 0.0) + spent
        return times


def _original_names(node: openvino.Node) -> str:
    info = node.get_rt_info()
    if "originalLayersNames" not in info:
        return ""
    names = info["originalLayersNames"]
    return str(names.astype(str) if hasattr(names, "astype") else names)
