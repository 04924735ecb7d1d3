"""A graph that ends with labels instead of logits, for runtimes that have no step of their own.

The runtime's own serving has one that is exact and faster (`postprocess`), so it never uses this.
"""

from __future__ import annotations

from typing import List

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from runtime.builder.export.graph import OUTPUT
from runtime.errors import BuildFailed

LABELS = "labels"
MOST_CLASSES = 255


def with_labels_inside(model: onnx.ModelProto) -> onnx.ModelProto:
    """Adds the interpolation to the image's size and the choice of the largest class.

    The graph then takes the same `image` and gives `labels`, (1, height, width) uint8; the lowest
    class wins a tie, as in `postprocess.reference`. TensorRT 8.5 casts no integers to UINT8, so
    the labels pass through float on the way, in which 255 numbers are exact.

    Args:
        model: a float32 graph of the builder or its INT8 twin, ending with `logits`.

    Raises:
        BuildFailed: there are more classes than a byte can tell.
    """
    _, _, height, width = _shape_of(model.graph.input[0])
    _, classes, _, _ = _shape_of(model.graph.output[0])
    if classes > MOST_CLASSES:
        raise BuildFailed(
            f"the network has {classes} classes, labels are bytes of at most {MOST_CLASSES}",
            "Leave --labels-inside out",
        )
    twin = onnx.ModelProto()
    twin.CopyFrom(model)
    graph = twin.graph
    sizes, upsampled, index, number = (
        f"{LABELS}.{part}" for part in ("sizes", "upsampled", "index", "number")
    )
    graph.initializer.append(
        numpy_helper.from_array(np.array([1, classes, height, width], np.int64), sizes)
    )
    graph.node.extend(
        [
            helper.make_node(
                "Resize",
                [OUTPUT, "", "", sizes],
                [upsampled],
                name=upsampled,
                mode="linear",
                coordinate_transformation_mode="half_pixel",
            ),
            helper.make_node("ArgMax", [upsampled], [index], name=index, axis=1, keepdims=0),
            helper.make_node("Cast", [index], [number], name=number, to=TensorProto.FLOAT),
            helper.make_node("Cast", [number], [LABELS], name=LABELS, to=TensorProto.UINT8),
        ]
    )
    del graph.output[:]
    graph.output.append(
        helper.make_tensor_value_info(LABELS, TensorProto.UINT8, (1, height, width))
    )
    return twin


def _shape_of(value: onnx.ValueInfoProto) -> List[int]:
    return [dimension.dim_value for dimension in value.type.tensor_type.shape.dim]
