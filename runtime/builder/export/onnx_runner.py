"""Runs ONNX models on the CPU in float32: the builder's own measuring instrument."""

from __future__ import annotations

from typing import Dict, List, Sequence

import numpy as np
import onnx

from runtime.builder.export.graph import INPUT, OUTPUT
from runtime.inference.backends.openvino_core import openvino_core

CPU_SETTINGS: Dict[str, object] = {
    # Left to itself OpenVINO computes in bfloat16 where the processor can.
    "INFERENCE_PRECISION_HINT": "f32",
    "PERFORMANCE_HINT": "LATENCY",
    # A pinned thread waits for its core even while another is idle.
    "ENABLE_CPU_PINNING": False,
}


class OnnxRunner:
    """A compiled model.

    Args:
        model: takes the tensor `image`.
        tensors: which of its tensors to give, inner ones included.
    """

    def __init__(self, model: onnx.ModelProto, tensors: Sequence[str] = (OUTPUT,)) -> None:
        core = openvino_core()
        network = core.read_model(model.SerializeToString())
        inner = [name for name in tensors if name != OUTPUT]
        if inner:
            network.add_outputs(inner)
        compiled = core.compile_model(network, "CPU", CPU_SETTINGS)
        self._ports = [compiled.output(name) for name in tensors]
        self._request = compiled.create_infer_request()

    def run(self, image: np.ndarray) -> List[np.ndarray]:
        """The tensors of one normalised (1, 3, H, W) float32 image, valid until the next run."""
        self._request.infer({INPUT: image})
        return [self._request.get_tensor(port).data for port in self._ports]
