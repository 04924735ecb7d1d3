from __future__ import annotations

import numpy as np

from runtime.builder.export.graph import (
    INPUT,
    Add,
    Convolution,
    Graph,
    Relu,
    with_speaking_names,
)


def convolution(name: str, source: str) -> Convolution:
    return Convolution(
        name=name,
        inputs=(source,),
        shape=(1, 4, 4),
        weight=np.ones((1, 1, 1, 1), np.float32),
        scale=np.ones(1),
        bias=np.zeros(1),
        stride=(1, 1),
        padding=(0, 0),
        dilation=(1, 1),
        groups=1,
    )


def residual_block() -> Graph:
    shape = (1, 4, 4)
    return Graph(
        shape,
        (
            convolution("block.conv1", INPUT),
            Relu("x1", ("block.conv1",), shape),
            convolution("block.conv2", "x1"),
            Add("x2", ("block.conv2", INPUT), shape),
            Relu("x3", ("x2",), shape),
            Relu("x4", ("x3",), shape),
        ),
    )


def test_operations_without_a_module_are_named_after_the_convolution_before_them() -> None:
    named = with_speaking_names(residual_block())
    assert [operation.name for operation in named.operations] == [
        "block.conv1",
        "block.conv1/relu",
        "block.conv2",
        "block.conv2/add",
        "block.conv2/relu",
        "block.conv2/relu_2",
    ]


def test_names_are_changed_where_they_are_read_too() -> None:
    add = with_speaking_names(residual_block()).operations[3]
    assert add.inputs == ("block.conv2", INPUT)
    assert with_speaking_names(residual_block()).output == "block.conv2/relu_2"


def test_the_answer_counts_as_a_use() -> None:
    assert residual_block().uses() == {
        INPUT: 2,
        "block.conv1": 1,
        "x1": 1,
        "block.conv2": 1,
        "x2": 1,
        "x3": 1,
        "x4": 1,
    }
