"""The float master: a SwiftNet as ONNX with its batch norms folded, proven against torch."""

from __future__ import annotations

import numpy as np
import onnx
import torch
from torch import nn

from runtime.builder.export.emit_onnx import onnx_from_graph
from runtime.builder.export.fold_batch_norm import without_norms
from runtime.builder.export.onnx_runner import OnnxRunner
from runtime.builder.export.trace import graph_from_model
from runtime.errors import BuildFailed

TOLERANCE = 1e-4
"""Largest difference from torch that is rounding, as a share of the largest logit."""
_SEED = 20


def onnx_from_model(model: nn.Module, height: int, width: int) -> onnx.ModelProto:
    """Exports a network for images of one size.

    The graph takes `image`, (1, 3, height, width) float32, normalised, and gives `logits`,
    (1, classes, rows, columns) float32 before upsampling. Equal networks give equal bytes,
    whatever the version of torch.

    Args:
        model: in evaluation mode.
        height: of the image in pixels.
        width: of the image in pixels.

    Raises:
        BuildFailed: the network holds something the exporter does not know, or the exported
            graph does not compute what torch computes.
    """
    image = _test_image(height, width)
    graph, expected = graph_from_model(model, torch.from_numpy(image))
    exported = onnx_from_graph(without_norms(graph))
    _require_equal(OnnxRunner(exported).run(image)[0], expected)
    return exported


def _test_image(height: int, width: int) -> np.ndarray:
    noise = np.random.default_rng(_SEED).normal(size=(1, 3, height, width))
    return noise.astype(np.float32)


def _require_equal(computed: np.ndarray, expected: np.ndarray) -> None:
    if not np.isfinite(expected).all():
        raise BuildFailed(
            "the network answers a test image with numbers that are not finite",
            "Train it further or take an earlier checkpoint: its weights have diverged",
        )
    if computed.shape != expected.shape:
        raise BuildFailed(
            f"the exported graph answers with shape {computed.shape}, torch with {expected.shape}",
            "Report this with the architecture: an operation was exported wrongly",
        )
    error = float(np.abs(computed - expected).max() / np.abs(expected).max())
    if not error <= TOLERANCE:
        raise BuildFailed(
            f"the exported graph differs from torch by {error:.1e} of the largest logit, "
            f"above {TOLERANCE:.0e}",
            "Report this with the architecture: an operation was exported wrongly",
        )
