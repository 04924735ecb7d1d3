"""A network small enough to compute by hand: three convolutions, as ONNX and in numpy."""

from __future__ import annotations

from pathlib import Path
from typing import Dict

import numpy as np
import onnx
from numpy.lib.stride_tricks import sliding_window_view
from onnx import TensorProto, helper, numpy_helper

STRIDE, CHANNELS, CLASSES = 8, 6, 3


def weights() -> Dict[str, np.ndarray]:
    """Kernels, (out, in, height, width) float32, of the three convolutions in their order."""
    rng = np.random.default_rng(0)
    shapes = {
        "patches": (CHANNELS, 3, STRIDE, STRIDE),
        "context": (CHANNELS, CHANNELS, 3, 3),
        "classifier": (CLASSES, CHANNELS, 1, 1),
    }
    return {
        name: (rng.normal(size=shape) / np.sqrt(np.prod(shape[1:]))).astype(np.float32)
        for name, shape in shapes.items()
    }


def write_onnx(path: Path, height: int = 32, width: int = 64) -> Path:
    """The network for one input size, as the builder leaves it: normalised planar floats in."""
    kernels = weights()
    grid = [1, CLASSES, height // STRIDE, width // STRIDE]
    strides = [STRIDE, STRIDE]
    nodes = [
        helper.make_node("Conv", ["image", "patches"], ["a"], strides=strides),
        helper.make_node("Relu", ["a"], ["b"]),
        helper.make_node("Conv", ["b", "context"], ["c"], pads=[1, 1, 1, 1]),
        helper.make_node("Relu", ["c"], ["d"]),
        helper.make_node("Conv", ["d", "classifier"], ["logits"]),
    ]
    graph = helper.make_graph(
        nodes,
        "tiny",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, [1, 3, height, width])],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, grid)],
        [numpy_helper.from_array(kernel, name) for name, kernel in kernels.items()],
    )
    opset = [helper.make_opsetid("", 17)]
    onnx.save(helper.make_model(graph, opset_imports=opset, ir_version=8), path)
    return path


def logits_in_numpy(planar: np.ndarray) -> np.ndarray:
    """What the network computes from a (1, 3, height, width) input: (rows, columns, classes)."""
    kernels = weights()
    hidden = np.maximum(convolved(planar[0], kernels["patches"], STRIDE), 0)
    bordered = np.pad(hidden, ((0, 0), (1, 1), (1, 1)))
    hidden = np.maximum(convolved(bordered, kernels["context"], 1), 0)
    return np.moveaxis(convolved(hidden, kernels["classifier"], 1), 0, -1)


def convolved(planes: np.ndarray, kernel: np.ndarray, stride: int) -> np.ndarray:
    windows = sliding_window_view(planes, kernel.shape[2:], axis=(1, 2))[:, ::stride, ::stride]
    result: np.ndarray = np.einsum("cyxhw,ochw->oyx", windows, kernel)
    return result
