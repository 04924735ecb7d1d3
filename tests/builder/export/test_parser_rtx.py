"""TensorRT-RTX's parser takes the files; a large package, so only where it is installed."""

from __future__ import annotations

import pytest

from runtime.builder.export.export import onnx_from_model
from runtime.builder.export.onnx_graph import OnnxGraph
from runtime.builder.quantization.qdq_placement import EVERYTHING, placement_for
from runtime.builder.quantization.quantize import int8_from_float
from tests.builder.networks import narrow, randomised

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("precision", ["fp32", "int8"])
@pytest.mark.parametrize("encoder", ["resnet18", "mobilenet_v2"])
@pytest.mark.parametrize("variant", ["pyramid", "single"])
def test_the_parser_takes_it(encoder: str, variant: str, precision: str) -> None:
    trt = pytest.importorskip("tensorrt_rtx", reason="pip install tensorrt-rtx-cu13")
    model = onnx_from_model(randomised(narrow(encoder, variant=variant)), 64, 96)
    if precision == "int8":
        tensors = placement_for(OnnxGraph(model), EVERYTHING).tensors
        model = int8_from_float(model, dict.fromkeys(tensors, 4.0), EVERYTHING)
    logger = trt.Logger(trt.Logger.WARNING)
    network = trt.Builder(logger).create_network(0)
    parser = trt.OnnxParser(network, logger)
    accepted = parser.parse(model.SerializeToString())
    assert accepted, [parser.get_error(index).desc() for index in range(parser.num_errors)]
