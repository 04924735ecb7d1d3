"""Batch norms folded away, exactly.

A norm is a scale and a shift per channel, and such an affine map moves backwards, from consumer to
producer, through everything linear that treats channels alone: into a convolution; through an
addition (the scale goes to both terms, the shift to one); through bilinear interpolation and
averages (their weights sum to one); through a concatenation. It stops at a rectifier, and at a
tensor that something else reads too: there the norm stays.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Dict, List, Tuple

import numpy as np

from runtime.builder.export.graph import (
    Add,
    Concat,
    Convolution,
    Graph,
    Norm,
    Operation,
    RegionMean,
    Resize,
)


def without_norms(graph: Graph) -> Graph:
    """The same network with every norm folded that can be."""
    folding = _Folding(graph)
    for operation in graph.operations:
        if isinstance(operation, Norm):
            folding.fold(operation)
    return folding.graph()


class _Folding:
    """A graph on the workbench."""

    def __init__(self, graph: Graph) -> None:
        self._source = graph
        self._operations: Dict[str, Operation] = {o.name: o for o in graph.operations}
        self._uses = graph.uses()
        self._stands_for: Dict[str, str] = {}

    def fold(self, norm: Norm) -> None:
        """Moves one norm into what produces its input, if all of it can take the norm."""
        producer = self._resolved(norm.inputs[0])
        if not self._takes_affine(producer):
            return
        self._apply(producer, norm.scale, norm.shift)
        del self._operations[norm.name]
        self._stands_for[norm.name] = producer
        # Whoever read the norm now reads the producer.
        self._uses[producer] = self._uses[norm.name]

    def graph(self) -> Graph:
        """What is on the workbench, in the order it came."""
        kept: List[Operation] = []
        for operation in self._source.operations:
            if operation.name in self._operations:
                current = self._operations[operation.name]
                inputs = tuple(self._resolved(tensor) for tensor in current.inputs)
                kept.append(replace(current, inputs=inputs))
        return replace(self._source, operations=tuple(kept))

    def _resolved(self, tensor: str) -> str:
        while tensor in self._stands_for:
            tensor = self._stands_for[tensor]
        return tensor

    def _takes_affine(self, tensor: str) -> bool:
        operation = self._operations.get(tensor)
        if operation is None or self._uses[tensor] != 1:
            return False
        if isinstance(operation, (Convolution, Norm)):
            return True
        if isinstance(operation, (Add, Concat, Resize, RegionMean)):
            return all(self._takes_affine(self._resolved(source)) for source in operation.inputs)
        return False

    def _apply(self, tensor: str, scale: np.ndarray, shift: np.ndarray) -> None:
        operation = self._operations[tensor]
        if isinstance(operation, Convolution):
            self._operations[tensor] = replace(
                operation, scale=operation.scale * scale, bias=operation.bias * scale + shift
            )
        elif isinstance(operation, Norm):
            self._operations[tensor] = replace(
                operation, scale=operation.scale * scale, shift=operation.shift * scale + shift
            )
        else:
            sources = [self._resolved(source) for source in operation.inputs]
            for source, part in zip(sources, self._parts(operation, sources, (scale, shift))):
                self._apply(source, *part)

    def _parts(
        self, operation: Operation, sources: List[str], affine: Tuple[np.ndarray, np.ndarray]
    ) -> List[Tuple[np.ndarray, np.ndarray]]:
        """What each source of an operation must do so that its result is scaled and shifted."""
        scale, shift = affine
        if isinstance(operation, Add):
            return [(scale, shift)] + [(scale, np.zeros_like(shift))] * (len(sources) - 1)
        if isinstance(operation, Concat):
            widths = [self._operations[source].shape[0] for source in sources]
            edges = np.cumsum(widths)[:-1]
            return list(zip(np.split(scale, edges), np.split(shift, edges)))
        return [(scale, shift)]
