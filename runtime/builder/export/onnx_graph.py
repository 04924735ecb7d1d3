"""Who makes and who reads each tensor of an ONNX graph: what every rule about placement asks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Dict, List, Optional, Tuple

import numpy as np
import onnx
from onnx import numpy_helper

LEVEL_MARK = "@"
"""Separates a module's path from the pyramid level that calls it: `backbone.conv1@level0`."""


@dataclass(frozen=True)
class Edge:
    """One input of one node: where a tensor is read."""

    node: str
    position: int
    tensor: str


class OnnxGraph:
    """An index over a model whose nodes have unique names; the model must not change meanwhile."""

    def __init__(self, model: onnx.ModelProto) -> None:
        graph = model.graph
        self.nodes: Tuple[onnx.NodeProto, ...] = tuple(graph.node)
        self.inputs = {value.name for value in graph.input}
        self.outputs = {value.name for value in graph.output}
        self._initializers = {tensor.name: tensor for tensor in graph.initializer}
        self._producers = {name: node for node in self.nodes for name in node.output}
        self._readers: Dict[str, List[Edge]] = {}
        for node in self.nodes:
            for position, tensor in enumerate(node.input):
                self._readers.setdefault(tensor, []).append(Edge(node.name, position, tensor))
        self._depths = dict.fromkeys(self.inputs, 0)
        for node in self.nodes:
            depth = 1 + max((self._depths.get(tensor, 0) for tensor in node.input), default=0)
            self._depths.update(dict.fromkeys(node.output, depth))

    def of_type(self, *types: str) -> List[onnx.NodeProto]:
        """The nodes of these operator types, in the graph's order."""
        return [node for node in self.nodes if node.op_type in types]

    def producer(self, tensor: str) -> Optional[onnx.NodeProto]:
        """The node that makes a tensor; None for inputs and initialisers."""
        return self._producers.get(tensor)

    def readers(self, tensor: str) -> List[Edge]:
        """Every input that reads a tensor."""
        return self._readers.get(tensor, [])

    def is_read_once(self, tensor: str) -> bool:
        """Whether one input reads it and nothing else sees it."""
        return len(self.readers(tensor)) == 1 and tensor not in self.outputs

    def constant(self, tensor: str) -> Optional[np.ndarray]:
        """The numbers of an initialiser; None for a tensor that is computed."""
        stored = self._initializers.get(tensor)
        return None if stored is None else numpy_helper.to_array(stored)

    def constant_shape(self, tensor: str) -> Tuple[int, ...]:
        """The shape of an initialiser, empty for a scalar and for what is none."""
        stored = self._initializers.get(tensor)
        return () if stored is None else tuple(stored.dims)

    def depth(self, tensor: str) -> int:
        """Nodes on the longest way from the network's input to a tensor."""
        return self._depths[tensor]

    def depends_on(self, tensor: str, ancestor: str) -> bool:
        """Whether a tensor is computed from another one, or is it."""
        pending, seen = [tensor], {tensor}
        while pending:
            current = pending.pop()
            if current == ancestor:
                return True
            node = self.producer(current)
            fresh = [] if node is None else [name for name in node.input if name not in seen]
            # What is nearer to the input than the ancestor cannot come from it.
            fresh = [n for n in fresh if self._depths.get(n, -1) >= self._depths[ancestor]]
            seen.update(fresh)
            pending += fresh
        return False


def module_of(node_name: str) -> str:
    """The module's path without its pyramid level: what the levels share."""
    return node_name.split(LEVEL_MARK, 1)[0]


def attribute(node: onnx.NodeProto, name: str, default: object = None) -> object:
    """The value of a node's attribute, or `default` where it has none."""
    for candidate in node.attribute:
        if candidate.name == name:
            return onnx.helper.get_attribute_value(candidate)
    return default
