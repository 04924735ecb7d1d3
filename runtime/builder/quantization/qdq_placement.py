"""Where quantization goes: each rule a function that says which inputs become INT8, and why.

The rules are TensorRT's for explicit quantization; OpenVINO reads the same graph. Weighted
operations get INT8 inputs, outputs stay what the next reader wants, and an addition takes INT8 on
its identity side only, so that the other side's convolution can swallow it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import FrozenSet, List, Optional, Set, Tuple

import onnx

from runtime.builder.export.graph import OUTPUT
from runtime.builder.export.onnx_graph import Edge, OnnxGraph, attribute, module_of
from runtime.errors import InvalidConfig


@dataclass(frozen=True)
class QuantizationOptions:
    """What is open to choice, to be decided by held-out accuracy.

    Attributes:
        keep_float: convolutions that stay float, as `module` (every pyramid level) or
            `module@level1` (one).
        first_convolution: whether the convolution that reads the image becomes INT8.
        classifier: whether the convolution that gives the logits becomes INT8; its result is
            float in any case.
        decoder_sums: whether sums of skips and of upsampled features follow the rule for
            residual additions; they stay float otherwise.
    """

    keep_float: FrozenSet[str] = frozenset()
    first_convolution: bool = True
    classifier: bool = True
    decoder_sums: bool = False

    def keeping(self, names: FrozenSet[str]) -> QuantizationOptions:
        """The same, with these convolutions in `keep_float` in place of the former ones."""
        return replace(self, keep_float=names)


EVERYTHING = QuantizationOptions(decoder_sums=True)
"""The options under which the most tensors are quantized: what calibration measures."""


@dataclass(frozen=True)
class Placement:
    """The outcome of the rules.

    Attributes:
        convolutions: names of the convolutions whose weights become INT8.
        edges: inputs that read a quantized tensor.
    """

    convolutions: FrozenSet[str]
    edges: Tuple[Edge, ...]

    @property
    def tensors(self) -> Tuple[str, ...]:
        """The quantized tensors, in the graph's order, each once."""
        return tuple(dict.fromkeys(edge.tensor for edge in self.edges))


def placement_for(wiring: OnnxGraph, options: QuantizationOptions) -> Placement:
    """Applies every rule.

    Args:
        wiring: the float graph, with its tensors' producers and readers.
        options: which layers stay in float.

    Raises:
        InvalidConfig: `keep_float` names a convolution that the graph does not have.
    """
    convolutions = quantized_convolutions(wiring, options)
    edges = convolution_inputs(wiring, convolutions)
    edges += identity_inputs(wiring, convolutions, options.decoder_sums)
    return Placement(frozenset(convolutions), tuple(edges))


def quantized_convolutions(wiring: OnnxGraph, options: QuantizationOptions) -> Set[str]:
    """Every convolution but those a rule keeps in float.

    Args:
        wiring: the float graph, with its tensors' producers and readers.
        options: which layers stay in float.

    Raises:
        InvalidConfig: `keep_float` names a convolution that the graph does not have.
    """
    all_convolutions = wiring.of_type("Conv")
    names = {node.name for node in all_convolutions}
    known = names | {module_of(name) for name in names}
    unknown = sorted(options.keep_float - known)
    if unknown:
        raise InvalidConfig(
            f"keep_float names {', '.join(unknown)}, which the graph does not have",
            f"Use names such as {min(known)}, as they stand in the float ONNX file",
        )
    chosen: Set[str] = set()
    for node in all_convolutions:
        kept = (
            {node.name, module_of(node.name)} & options.keep_float
            or is_depthwise(wiring, node)
            or (reads_the_image(wiring, node) and not options.first_convolution)
            or (gives_the_logits(node) and not options.classifier)
        )
        if not kept:
            chosen.add(node.name)
    return chosen


def is_depthwise(wiring: OnnxGraph, node: onnx.NodeProto) -> bool:
    """One filter per channel: TensorRT 8.5 finds no INT8 implementation for some of these."""
    return attribute(node, "group", 1) != 1 and wiring.constant_shape(node.input[1])[1:2] == (1,)


def reads_the_image(wiring: OnnxGraph, node: onnx.NodeProto) -> bool:
    """Three input channels fill no INT8 tensor-core tile, and the image has the finest range."""
    return wiring.constant_shape(node.input[1])[1] == 3


def gives_the_logits(node: onnx.NodeProto) -> bool:
    """The last convolution; close logits decide labels."""
    return str(node.output[0]) == OUTPUT


def convolution_inputs(wiring: OnnxGraph, convolutions: Set[str]) -> List[Edge]:
    """What a quantized convolution reads is quantized, per tensor.

    Args:
        wiring: the float graph, with its tensors' producers and readers.
        convolutions: names of those that become INT8.
    """
    return [
        Edge(node.name, 0, node.input[0])
        for node in wiring.of_type("Conv")
        if node.name in convolutions
    ]


def identity_inputs(wiring: OnnxGraph, convolutions: Set[str], decoder_sums: bool) -> List[Edge]:
    """The side of an addition that no convolution swallows is quantized.

    TensorRT runs convolution, addition and rectifier as one kernel whose precision is that of
    the identity; quantizing the convolution's side too would tear that kernel apart.

    Args:
        wiring: the float graph, with its tensors' producers and readers.
        convolutions: names of those that become INT8.
        decoder_sums: whether additions of the decoder are quantized as well.
    """
    edges: List[Edge] = []
    for node in wiring.of_type("Add"):
        fused = fused_convolution(wiring, node)
        if fused is None or fused.name not in convolutions:
            continue
        position = 1 if node.input[0] == fused.output[0] else 0
        if decoder_sums or is_residual(wiring, fused, node.input[position]):
            edges.append(Edge(node.name, position, node.input[position]))
    return edges


def fused_convolution(wiring: OnnxGraph, addition: onnx.NodeProto) -> Optional[onnx.NodeProto]:
    """The convolution whose kernel takes the addition in: the one with the longest way behind it.

    In a residual block that is the block's last convolution, not the projected shortcut.
    """
    producers = [wiring.producer(tensor) for tensor in addition.input]
    candidates = [
        node
        for node in producers
        if node is not None and node.op_type == "Conv" and wiring.is_read_once(node.output[0])
    ]
    return max(candidates, key=lambda node: wiring.depth(node.output[0]), default=None)


def is_residual(wiring: OnnxGraph, fused: onnx.NodeProto, identity: str) -> bool:
    """Whether the identity is the block's own input, or a projection of it."""
    projection = wiring.producer(identity)
    if projection is not None and projection.op_type == "Conv":
        identity = projection.input[0]
    return wiring.depends_on(fused.output[0], identity)
