"""A network as a list of operations on float tensors: small enough to rewrite exactly.

Convolutions keep their weights apart from a scale per output channel, so folding a batch norm
never touches the weights and pyramid levels go on sharing them.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from typing import Dict, List, Tuple

import numpy as np

INPUT = "image"
OUTPUT = "logits"

Shape = Tuple[int, int, int]
"""Channels, rows, columns of a tensor; the batch is always one image."""


@dataclass(frozen=True, eq=False)
class Operation:
    """One step of the network; its result is the tensor of the same name.

    Attributes:
        name: unique in the graph.
        inputs: the tensors it reads.
        shape: of its result.
    """

    name: str
    inputs: Tuple[str, ...]
    shape: Shape


@dataclass(frozen=True, eq=False)
class Convolution(Operation):
    """Output channel c is scale[c] * (weight[c] convolved with the input) + bias[c].

    Attributes:
        weight: (out, in / groups, rows, columns) float32, the trained parameter itself.
        scale: (out,) float64.
        bias: (out,) float64.
        stride: rows, columns.
        padding: zeros added on each side, rows and columns.
        dilation: rows, columns.
        groups: as many as input channels for a depthwise convolution.
    """

    weight: np.ndarray
    scale: np.ndarray
    bias: np.ndarray
    stride: Tuple[int, int]
    padding: Tuple[int, int]
    dilation: Tuple[int, int]
    groups: int


@dataclass(frozen=True, eq=False)
class Norm(Operation):
    """A batch norm with its statistics applied: x * scale + shift, both (channels,) float64."""

    scale: np.ndarray
    shift: np.ndarray


@dataclass(frozen=True, eq=False)
class Relu(Operation):
    """max(x, 0), and min(x, ceiling) where there is one."""

    ceiling: float = float("inf")


@dataclass(frozen=True, eq=False)
class Add(Operation):
    """The sum of two tensors of the same shape."""


@dataclass(frozen=True, eq=False)
class Concat(Operation):
    """Tensors side by side along the channels."""


@dataclass(frozen=True, eq=False)
class MaxPool(Operation):
    """The maximum of a square window; kernel, stride and padding hold for rows and columns."""

    kernel: int
    stride: int
    padding: int


@dataclass(frozen=True, eq=False)
class RegionMean(Operation):
    """Means over a grid of regions, nearly equal; they overlap where sides do not divide.

    Region i of n along a side of s covers floor(i s / n) to ceil((i + 1) s / n).

    Attributes:
        source: rows and columns of the input.
    """

    source: Tuple[int, int]


@dataclass(frozen=True, eq=False)
class Resize(Operation):
    """Bilinear interpolation to `shape`, pixel centres aligned."""


@dataclass(frozen=True, eq=False)
class Shrink(Operation):
    """Bicubic interpolation (a = -0.75) to 1/factor, not antialiased: a level of the pyramid."""

    factor: int


@dataclass(frozen=True)
class Graph:
    """Operations in an order in which every input comes before its use.

    Attributes:
        input_shape: of the tensor `INPUT`, the normalised image.
        operations: the last one's result is the tensor that the network answers with.
    """

    input_shape: Shape
    operations: Tuple[Operation, ...]

    @property
    def output(self) -> str:
        """The tensor that the network answers with."""
        return self.operations[-1].name

    def uses(self) -> Dict[str, int]:
        """How many inputs read each tensor; the network's answer counts as one more use."""
        counts = Counter(tensor for operation in self.operations for tensor in operation.inputs)
        counts[self.output] += 1
        return dict(counts)


def with_speaking_names(graph: Graph) -> Graph:
    """Names what has no module of its own after the convolution or norm that it follows.

    `backbone.conv1@level0` gives `backbone.conv1@level0/relu`, then `.../max_pool`.
    """
    position = {INPUT: -1}
    stem_of = {INPUT: INPUT}
    renamed = {INPUT: INPUT}
    taken: Counter[str] = Counter()
    operations: List[Operation] = []
    for index, operation in enumerate(graph.operations):
        latest = max(operation.inputs, key=position.__getitem__)
        owns_a_module = isinstance(operation, (Convolution, Norm))
        stem = operation.name if owns_a_module else stem_of[latest]
        name = stem if owns_a_module else f"{stem}/{_suffix(operation)}"
        taken[name] += 1
        if taken[name] > 1:
            name = f"{name}_{taken[name]}"
        position[operation.name], stem_of[operation.name] = index, stem
        renamed[operation.name] = name
        inputs = tuple(renamed[tensor] for tensor in operation.inputs)
        operations.append(replace(operation, name=name, inputs=inputs))
    return replace(graph, operations=tuple(operations))


def _suffix(operation: Operation) -> str:
    if isinstance(operation, Shrink):
        return f"shrunk{operation.factor}"
    if isinstance(operation, RegionMean):
        return f"mean{operation.shape[1]}x{operation.shape[2]}"
    return {Relu: "relu", Add: "add", Concat: "concat", MaxPool: "max_pool", Resize: "resize"}[
        type(operation)
    ]
