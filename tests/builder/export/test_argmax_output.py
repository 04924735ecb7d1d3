"""A graph with labels inside answers as the reference does, up to float rounding."""

from __future__ import annotations

from typing import Tuple

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from runtime.builder.export.argmax_output import with_labels_inside
from runtime.builder.export.export import onnx_from_model
from runtime.builder.export.lint import require_importable
from runtime.builder.export.onnx_graph import OnnxGraph
from runtime.builder.export.onnx_runner import OnnxRunner
from runtime.builder.quantization.qdq_placement import (
    EVERYTHING,
    QuantizationOptions,
    placement_for,
)
from runtime.builder.quantization.quantize import int8_from_float
from runtime.errors import BuildFailed
from runtime.inference.backends.openvino_core import openvino_core
from runtime.inference.postprocess.reference import labels_from_logits
from tests.builder.networks import narrow, randomised

SIZE = (64, 96)


@pytest.fixture(scope="module", params=["fp32", "int8"])
def model(request: pytest.FixtureRequest) -> onnx.ModelProto:
    master = onnx_from_model(randomised(narrow(levels=1)), *SIZE)
    if request.param == "fp32":
        return master
    tensors = placement_for(OnnxGraph(master), EVERYTHING).tensors
    return int8_from_float(master, dict.fromkeys(tensors, 4.0), QuantizationOptions())


def labels_of(model: onnx.ModelProto, image: np.ndarray) -> np.ndarray:
    compiled = openvino_core().compile_model(
        openvino_core().read_model(model.SerializeToString()),
        "CPU",
        {"INFERENCE_PRECISION_HINT": "f32"},
    )
    labels: np.ndarray = compiled([image])[0]
    return labels


def margins(logits: np.ndarray, size: Tuple[int, int]) -> np.ndarray:
    """How far the best class is ahead of the second at each pixel."""
    from runtime.image.resample import interpolate, taps

    rows, columns = taps(logits.shape[0], size[0]), taps(logits.shape[1], size[1])
    planes = [interpolate(logits[..., c], rows, columns) for c in range(logits.shape[2])]
    best = np.sort(np.stack(planes), axis=0)
    ahead: np.ndarray = best[-1] - best[-2]
    return ahead


def test_labels_are_the_references_wherever_a_class_is_ahead_by_more_than_rounding(
    model: onnx.ModelProto,
) -> None:
    image = np.random.default_rng(7).normal(size=(1, 3, *SIZE)).astype(np.float32)
    labels = labels_of(with_labels_inside(model), image)
    assert labels.dtype == np.uint8
    assert labels.shape == (1, *SIZE)
    logits = np.ascontiguousarray(OnnxRunner(model).run(image)[0][0].transpose(1, 2, 0))
    expected = labels_from_logits(logits, SIZE)
    assert len(np.unique(expected)) > 1
    other = labels[0] != expected
    rounding = 1e-5 * float(np.abs(logits).max())
    assert other.mean() <= 0.001
    assert margins(logits, SIZE)[other].max(initial=0) <= rounding


def test_the_file_is_sound_and_fit_for_the_oldest_tensorrt(model: onnx.ModelProto) -> None:
    twin = with_labels_inside(model)
    onnx.checker.check_model(twin, full_check=True)
    require_importable(twin)
    assert twin.opset_import[0].version == 17
    assert [output.name for output in twin.graph.output] == ["labels"]
    assert [output.name for output in model.graph.output] == ["logits"]


def test_of_equal_classes_the_lowest_wins() -> None:
    same = helper.make_graph(
        [helper.make_node("Concat", ["image", "image"], ["logits"], name="both", axis=1)],
        "equal",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, (1, 3, 8, 8))],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, (1, 6, 8, 8))],
    )
    model = helper.make_model(same, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    image = np.random.default_rng(8).normal(size=(1, 3, 8, 8)).astype(np.float32)
    assert labels_of(with_labels_inside(model), image).max() == 2


def test_more_classes_than_a_byte_holds_are_refused() -> None:
    graph = helper.make_graph(
        [helper.make_node("Identity", ["image"], ["logits"], name="none")],
        "many",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, (1, 256, 8, 8))],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, (1, 256, 8, 8))],
    )
    with pytest.raises(BuildFailed, match="256 classes"):
        with_labels_inside(helper.make_model(graph))
