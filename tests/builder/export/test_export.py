from __future__ import annotations

from dataclasses import replace
from typing import List, Tuple

import numpy as np
import onnx
import pytest
import torch

from runtime.builder.export import export
from runtime.builder.export.export import onnx_from_model
from runtime.builder.export.graph import Graph, Relu
from runtime.builder.export.lint import findings_of
from runtime.builder.swiftnet import Architecture
from runtime.errors import BuildFailed
from tests.builder.networks import narrow, randomised

EVEN = (64, 96)
ODD = (90, 122)

FAMILY = [
    narrow("resnet18"),
    narrow("resnet18", output_stride=8, levels=2),
    narrow("resnet34", levels=1),
    narrow("resnet18", variant="single"),
    narrow("resnet34", variant="single", output_stride=8),
    narrow("mobilenet_v2"),
    narrow("mobilenet_v2", variant="single", output_stride=8),
]


def described(architecture: Architecture) -> str:
    return (
        f"{architecture.encoder}-{architecture.variant}-{architecture.levels}-os"
        f"{architecture.output_stride}"
    )


@pytest.mark.parametrize("size", [EVEN, ODD], ids=["even", "odd"])
@pytest.mark.parametrize("architecture", FAMILY, ids=described)
def test_every_member_computes_what_torch_computes(
    architecture: Architecture, size: Tuple[int, int]
) -> None:
    exported = onnx_from_model(randomised(architecture), *size)  # raises where it does not
    onnx.checker.check_model(exported, full_check=True)
    assert findings_of(exported) == []


@pytest.mark.parametrize("size", [EVEN, ODD], ids=["even", "odd"])
def test_a_pyramid_has_no_norm_left(size: Tuple[int, int]) -> None:
    exported = onnx_from_model(randomised(narrow()), *size)
    assert not [n for n in exported.graph.node if n.op_type == "BatchNormalization"]


def test_equal_networks_give_equal_bytes() -> None:
    first, second = (onnx_from_model(randomised(narrow()), *EVEN) for _ in range(2))
    assert first.SerializeToString() == second.SerializeToString()


def test_input_output_and_versions_are_the_contract() -> None:
    exported = onnx_from_model(randomised(narrow(output_stride=8)), *EVEN)
    (image,), (logits,) = exported.graph.input, exported.graph.output
    assert (image.name, shape(image)) == ("image", [1, 3, 64, 96])
    assert (logits.name, shape(logits)) == ("logits", [1, 5, 8, 12])
    assert exported.opset_import[0].version == 17
    assert exported.ir_version == 8


def test_nodes_carry_module_and_level() -> None:
    exported = onnx_from_model(randomised(narrow()), *EVEN)
    names = [node.name for node in exported.graph.node]
    assert "backbone.layer1.0.conv1@level0" in names
    assert "backbone.layer1.0.conv1@level2/relu" in names
    assert len(names) == len(set(names))


def test_a_diverged_network_is_refused() -> None:
    network = randomised(narrow())
    with torch.no_grad():
        next(network.logits.parameters()).fill_(np.nan)
    with pytest.raises(BuildFailed, match="not finite"):
        onnx_from_model(network, *EVEN)


def test_an_export_that_computes_something_else_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(export, "without_norms", without_first_relu)
    with pytest.raises(BuildFailed, match="differs from torch"):
        onnx_from_model(randomised(narrow(variant="single")), *EVEN)


def without_first_relu(graph: Graph) -> Graph:
    first = next(o for o in graph.operations if isinstance(o, Relu))

    def past_it(tensor: str) -> str:
        return first.inputs[0] if tensor == first.name else tensor

    kept = [
        replace(operation, inputs=tuple(past_it(tensor) for tensor in operation.inputs))
        for operation in graph.operations
        if operation is not first
    ]
    return replace(graph, operations=tuple(kept))


def test_a_file_is_hardly_larger_than_its_weights() -> None:
    exported = onnx_from_model(randomised(narrow()), *EVEN)
    weights = sum(np.prod(tensor.dims) for tensor in exported.graph.initializer) * 4
    assert len(exported.SerializeToString()) < 1.5 * weights


def shape(value: onnx.ValueInfoProto) -> List[int]:
    return [d.dim_value for d in value.type.tensor_type.shape.dim]
