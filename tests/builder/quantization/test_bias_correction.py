from __future__ import annotations

from typing import Dict, Mapping, Tuple

import numpy as np
import pytest

from runtime.builder.data.dataset import read_image
from runtime.builder.export.onnx_graph import OnnxGraph
from runtime.builder.export.onnx_runner import OnnxRunner
from runtime.builder.quantization.bias_correction import bias_corrections
from runtime.builder.quantization.qdq_placement import QuantizationOptions
from runtime.builder.quantization.quantize import int8_from_float, with_corrected_biases
from runtime.builder.quantization.sensitivity import layers_of
from runtime.errors import BuildFailed
from runtime.inference.preprocess.reference import network_input
from tests.builder.quantization.calibrated import SPEC, Calibrated

OPTIONS = QuantizationOptions()


def corrections(calibrated: Calibrated, options: QuantizationOptions) -> Dict[str, np.ndarray]:
    thresholds = calibrated.table.thresholds("entropy")
    return bias_corrections(calibrated.model, thresholds, options, (calibrated.images, SPEC))


def output_bias(
    calibrated: Calibrated, options: QuantizationOptions, found: Mapping[str, np.ndarray]
) -> Tuple[np.ndarray, np.ndarray]:
    """Mean of a single quantized convolution's output, by channel: of INT8 and of FP32."""
    (name,) = found
    node = next(n for n in OnnxGraph(calibrated.model).nodes if n.name == name)
    thresholds = calibrated.table.thresholds("entropy")
    twin = with_corrected_biases(int8_from_float(calibrated.model, thresholds, options), found)
    means = []
    for model in (twin, calibrated.model):
        runner = OnnxRunner(model, (node.output[0],))
        images = [network_input(read_image(p)[..., ::-1], SPEC) for p in calibrated.images]
        means.append(np.mean([runner.run(p)[0].mean((0, 2, 3)) for p in images], axis=0))
    return means[0], means[1]


# The stem has stride 2 and a 7x7 kernel, a shortcut 1x1 and stride 2, the others 3x3 and 1x1.
@pytest.mark.parametrize(
    "layer",
    ["backbone.conv1", "backbone.layer2.0.downsample.0", "backbone.layer1.0.conv2", "logits.conv"],
)
def test_a_layers_output_keeps_its_mean(calibrated: Calibrated, layer: str) -> None:
    others = frozenset(layers_of(calibrated.model, OPTIONS)) - {layer}
    options = OPTIONS.keeping(others)
    found = corrections(calibrated, options)
    nothing = {name: np.zeros_like(change) for name, change in found.items()}
    biased, wanted = output_bias(calibrated, options, nothing)
    corrected, _ = output_bias(calibrated, options, found)
    before, after = np.abs(biased - wanted).mean(), np.abs(corrected - wanted).mean()
    assert before > 1e-4
    assert after < before / 100


def test_the_order_of_the_images_does_not_matter(calibrated: Calibrated) -> None:
    thresholds = calibrated.table.thresholds("mse")
    shuffled = [calibrated.images[i] for i in (3, 0, 4, 2, 1)]
    first = bias_corrections(calibrated.model, thresholds, OPTIONS, (calibrated.images, SPEC))
    second = bias_corrections(calibrated.model, thresholds, OPTIONS, (shuffled, SPEC))
    assert {n: c.tobytes() for n, c in first.items()} == {n: c.tobytes() for n, c in second.items()}


def test_only_biases_change(calibrated: Calibrated) -> None:
    thresholds = calibrated.table.thresholds("mse")
    found = bias_corrections(calibrated.model, thresholds, OPTIONS, (calibrated.images[:1], SPEC))
    plain = int8_from_float(calibrated.model, thresholds, OPTIONS)
    twin = with_corrected_biases(plain, found)
    assert twin.graph.node == plain.graph.node
    changed = {
        after.name
        for before, after in zip(plain.graph.initializer, twin.graph.initializer)
        if before != after
    }
    assert changed == {f"{name}.bias" for name in found}


def test_no_images_are_refused(calibrated: Calibrated) -> None:
    with pytest.raises(BuildFailed, match="no images"):
        bias_corrections(calibrated.model, {}, OPTIONS, ((), SPEC))
