"""What INT8 adds to every output channel on average, and biases that take it away again.

Rounding and clipping shift the mean of a convolution's output. With x its float input and x_q and
W_q what INT8 makes of input and weights, the bias that restores the mean is

    b + E[W x] - E[W_q x_q]

over the positions of all calibration images (M. Nagel et al., "Data-Free Quantization Through
Weight Equalization and Bias Correction", ICCV 2019, section 4.2, measured instead of derived).
Every layer is corrected for what it does itself, given the float input; so corrections do not
depend on one another. As a convolution is linear, the means of its input under each of the
kernel's elements are all that is needed of an image.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Callable, Dict, List, Mapping, Sequence, Tuple

import numpy as np
import onnx

from runtime.builder.export.onnx_graph import OnnxGraph, attribute
from runtime.builder.export.onnx_runner import OnnxRunner
from runtime.builder.quantization.calibrate import tensors_of_images
from runtime.builder.quantization.qdq_placement import QuantizationOptions, placement_for
from runtime.builder.quantization.quantize import dequantized_weights
from runtime.builder.quantization.shared_weights import INT8_LIMIT, SCALE_FLOOR
from runtime.errors import BuildFailed
from runtime.repository.manifest import InputSpec

_FIXED_POINT = 1 << 16
"""Parts of an INT8 step in which sums are kept, as integers: their order cannot matter."""

Geometry = Tuple[Tuple[int, int], Tuple[int, int], Tuple[int, int]]
"""Kernel, stride and padding, each of rows and columns."""


@dataclass(frozen=True)
class _Window:
    """What a convolution sees of a tensor."""

    tensor: str
    geometry: Geometry


class _Means:
    """Means of a tensor, and of its INT8 twin, under each element of a kernel.

    Args:
        window: tensor and kernel.
        scale: of the INT8 tensor.
    """

    def __init__(self, window: _Window, scale: float) -> None:
        self._window = window
        self._scale = np.float32(scale)
        self._sums = np.zeros(0, np.int64)
        self._positions = 0

    def add(self, values: np.ndarray) -> None:
        """Counts an image's tensor, (1, channels, height, width) float32."""
        steps = values[0] / self._scale
        rounded = np.clip(np.rint(steps), -INT8_LIMIT - 1, INT8_LIMIT)
        pair = np.stack([steps, rounded])
        indicators = [
            _seen(length, *axis)
            for length, axis in zip(pair.shape[2:], zip(*self._window.geometry))
        ]
        rows, columns = indicators
        # (2, channels, kernel rows, width), then (2, channels, kernel rows, kernel columns)
        by_row = np.matmul(rows.astype(np.float32), pair).astype(np.float64)
        sums = np.matmul(by_row, columns.T)
        exact = np.rint(sums * _FIXED_POINT).astype(np.int64)
        self._sums = exact if not self._positions else self._sums + exact
        outputs = [
            _outputs(n, *axis) for n, axis in zip(pair.shape[2:], zip(*self._window.geometry))
        ]
        self._positions += outputs[0] * outputs[1]

    def of_both(self) -> np.ndarray:
        """(2, channels, kernel rows, kernel columns) float64: float, then INT8."""
        return self._sums / (_FIXED_POINT * self._positions) * float(self._scale)


def _outputs(length: int, kernel: int, stride: int, padding: int) -> int:
    return (length + 2 * padding - kernel) // stride + 1


def _seen(length: int, kernel: int, stride: int, padding: int) -> np.ndarray:
    """(kernel, length) of ones where an element of the kernel meets an element of the axis."""
    starts = np.arange(_outputs(length, kernel, stride, padding)) * stride - padding
    met = np.zeros((kernel, length))
    for element in range(kernel):
        places = starts + element
        met[element, places[(places >= 0) & (places < length)]] = 1
    return met


def bias_corrections(
    model: onnx.ModelProto,
    thresholds: Mapping[str, float],
    options: QuantizationOptions,
    calibration: Tuple[Sequence[Path], InputSpec],
    advance: Callable[[], None] = lambda: None,
) -> Dict[str, np.ndarray]:
    """What to add to the biases of the quantized convolutions.

    Args:
        model: the float master.
        thresholds: by tensor, the magnitude that becomes 127.
        options: which operations are quantized.
        calibration: images to take means over, in any order, and their preprocessing.
        advance: called after each image.

    Returns:
        by convolution: (out,) float32.

    Raises:
        InvalidInput: an image is missing or cannot be decoded; it is named.
        BuildFailed: no images are given.
    """
    images, spec = calibration
    if not images:
        raise BuildFailed("there are no images to correct biases on", "Give some images")
    wiring = OnnxGraph(model)
    convolutions = placement_for(wiring, options).convolutions
    nodes = [node for node in wiring.of_type("Conv") if node.name in convolutions]
    windows = {node.name: _Window(node.input[0], _geometry(wiring, node)) for node in nodes}
    means = {
        window: _Means(window, max(thresholds[window.tensor] / INT8_LIMIT, SCALE_FLOOR))
        for window in windows.values()
    }
    tensors: List[str] = list(dict.fromkeys(window.tensor for window in means))
    for values in tensors_of_images(OnnxRunner(model, tensors), images, spec, advance):
        by_name = dict(zip(tensors, values))
        for window, mean in means.items():
            mean.add(by_name[window.tensor])
    rounded = dequantized_weights(wiring, options)
    return {
        node.name: _correction(wiring, node, rounded[node.name], means[windows[node.name]])
        for node in nodes
    }


def _correction(
    wiring: OnnxGraph, node: onnx.NodeProto, rounded: np.ndarray, means: _Means
) -> np.ndarray:
    exact = wiring.constant(node.input[1])
    full, coarse = means.of_both()
    wanted = np.einsum("oirc,irc->o", np.asarray(exact, np.float64), full)
    given = np.einsum("oirc,irc->o", rounded.astype(np.float64), coarse)
    return np.asarray(wanted - given, np.float32)


def _geometry(wiring: OnnxGraph, node: onnx.NodeProto) -> Geometry:
    kernel = wiring.constant_shape(node.input[1])[2:]
    strides, pads = attribute(node, "strides", [1, 1]), attribute(node, "pads", [0, 0, 0, 0])
    if list(attribute(node, "dilations", [1, 1])) != [1, 1] or attribute(node, "group", 1) != 1:  # type: ignore[call-overload]
        raise BuildFailed(
            f"the biases of {node.name}, dilated or grouped, cannot be corrected",
            "Name it in quantization.keep_float, or set bias_correction = false",
        )
    return (
        (int(kernel[0]), int(kernel[1])),
        (int(strides[0]), int(strides[1])),  # type: ignore[index]
        (int(pads[0]), int(pads[1])),  # type: ignore[index]
    )
