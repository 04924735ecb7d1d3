from __future__ import annotations

import pytest

pytest.importorskip("openvino")

from runtime.builder.export.export import onnx_from_model
from runtime.builder.quantization.qdq_placement import QuantizationOptions
from runtime.builder.quantization.quantize import int8_from_float
from runtime.experiments.profile.layer_map import Place, places_in
from runtime.experiments.profile.openvino_timing import OpenVinoTiming
from tests.builder.networks import narrow, randomised

SIZE = (128, 128)


@pytest.mark.parametrize("precision", ["fp32", "int8"])
def test_every_layer_that_ran_has_a_place(precision: str) -> None:
    model = onnx_from_model(randomised(narrow(levels=2)), *SIZE)
    if precision == "int8":
        tensors = [name for node in model.graph.node for name in (*node.input, *node.output)]
        model = int8_from_float(model, dict.fromkeys(tensors, 1.0), QuantizationOptions())
    timing = OpenVinoTiming(model.SerializeToString(), SIZE, precision)
    assert timing.backend == f"openvino {precision}"
    assert timing.forward() > 0
    times = timing.layers()
    place_of = places_in("resnet18")
    # What has none prepares the image for all levels.
    assert all(name.startswith("image") for name in times if place_of(name) is None)
    places = {place_of(name) for name in times}
    parts = ("stem", "block 1", "block 2", "block 3", "block 4", "skips")
    assert {Place(part, level) for part in parts for level in (0, 1)} <= places
    assert {Place("scaling", 1), Place("blends"), Place("classifier")} <= places
