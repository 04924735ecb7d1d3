"""From a torch module to a `Graph`: torch.fx records the calls, one forward pass their shapes."""

from __future__ import annotations

import copy
import operator
from collections import Counter
from typing import Any, Callable, Dict, Iterable, Iterator, List, Tuple, Type

import numpy as np
import torch
from torch import Tensor, fx, nn
from torch.fx.passes.shape_prop import ShapeProp

from runtime.builder.export.graph import (
    INPUT,
    Add,
    Concat,
    Convolution,
    Graph,
    MaxPool,
    Norm,
    Operation,
    RegionMean,
    Relu,
    Resize,
    Shape,
    Shrink,
)
from runtime.builder.swiftnet import resample
from runtime.errors import BuildFailed


def graph_from_model(model: nn.Module, image: Tensor) -> Tuple[Graph, np.ndarray]:
    """Records what the model does to one image.

    Args:
        model: takes (1, 3, H, W) float32; it is copied, not changed.
        image: fixes the static shapes.

    Returns:
        the graph, and the model's own answer to `image`, (1, C, h, w) float32.

    Raises:
        BuildFailed: the model uses an operation that has no counterpart here.
    """
    frozen = copy.deepcopy(model).eval().float()
    traced = fx.symbolic_trace(frozen)
    with torch.no_grad():
        answer = ShapeProp(traced).propagate(image)
    return _Translation(traced).graph(), answer.numpy()


class _Translation:
    """One pass over the recorded calls."""

    def __init__(self, traced: fx.GraphModule) -> None:
        self._modules = dict(traced.named_modules())
        self._nodes = list(traced.graph.nodes)
        called = (str(node.target) for node in self._nodes if node.op == "call_module")
        self._calls = Counter(called)
        self._seen: Counter[str] = Counter()
        self._tensor_of: Dict[fx.Node, str] = {}
        self._operations: List[Operation] = []

    def graph(self) -> Graph:
        """The whole network."""
        input_shape: Shape = (0, 0, 0)
        for node in self._nodes:
            if node.op == "placeholder":
                input_shape = _shape(node)
                self._tensor_of[node] = INPUT
            elif node.op == "call_module":
                self._call_module(node)
            elif node.op == "call_function":
                self._call_function(node)
            elif node.op != "output":
                raise _unknown(f"{node.op} {node.target}")
        return Graph(input_shape, tuple(self._operations))

    def _call_module(self, node: fx.Node) -> None:
        module = self._modules[str(node.target)]
        if isinstance(module, (nn.Identity, nn.Dropout, nn.Dropout2d)):
            self._tensor_of[node] = self._inputs(node)[0]
            return
        if type(module) not in _FROM_MODULE:
            raise _unknown(f"the module {node.target} ({type(module).__name__})")
        translate = _FROM_MODULE[type(module)]
        name = node.name
        if isinstance(module, (nn.Conv2d, nn.BatchNorm2d)):
            name = self._module_name(str(node.target))
        self._append(node, translate(module, (name, self._inputs(node), _shape(node))))

    def _module_name(self, target: str) -> str:
        """The module's path, and which pyramid level calls it where several do."""
        if self._calls[target] == 1:
            return target
        self._seen[target] += 1
        return f"{target}@level{self._seen[target] - 1}"

    def _call_function(self, node: fx.Node) -> None:
        # sum() starts from the number 0, which adds nothing.
        terms = [arg for arg in node.args if not (isinstance(arg, (int, float)) and arg == 0)]
        if node.target in _ADDITIONS and len(terms) == 1 and isinstance(terms[0], fx.Node):
            self._tensor_of[node] = self._tensor_of[terms[0]]
            return
        if node.target not in _FROM_FUNCTION:
            raise _unknown(f"the function {node.target}")
        operation = _FROM_FUNCTION[node.target](
            node.args, (node.name, self._inputs(node), _shape(node))
        )
        if isinstance(operation, Resize) and _shape(node.all_input_nodes[0]) == operation.shape:
            self._tensor_of[node] = operation.inputs[0]
            return
        self._append(node, operation)

    def _inputs(self, node: fx.Node) -> Tuple[str, ...]:
        return tuple(self._tensor_of[source] for source in _sources(node.args))

    def _append(self, node: fx.Node, operation: Operation) -> None:
        self._operations.append(operation)
        self._tensor_of[node] = operation.name


_Place = Tuple[str, Tuple[str, ...], Shape]
"""Name, inputs and shape of the operation to be made."""


def _convolution(module: nn.Conv2d, place: _Place) -> Operation:
    if isinstance(module.padding, str) or module.padding_mode != "zeros":
        raise _unknown(f"the padding of {place[0]} ({module.padding}, {module.padding_mode})")
    channels = module.out_channels
    bias = np.zeros(channels) if module.bias is None else _numbers(module.bias)
    return Convolution(
        *place,
        weight=module.weight.detach().numpy(),
        scale=np.ones(channels),
        bias=bias,
        stride=_pair(module.stride),
        padding=_pair(module.padding),
        dilation=_pair(module.dilation),
        groups=module.groups,
    )


def _norm(module: nn.BatchNorm2d, place: _Place) -> Operation:
    if module.running_mean is None or module.running_var is None:
        raise _unknown(f"the batch norm {place[0]} without running statistics")
    scale = 1 / np.sqrt(_numbers(module.running_var) + module.eps)
    if module.affine:
        scale = scale * _numbers(module.weight)
    shift = -_numbers(module.running_mean) * scale
    if module.affine:
        shift = shift + _numbers(module.bias)
    return Norm(*place, scale=scale, shift=shift)


def _max_pool(module: nn.MaxPool2d, place: _Place) -> Operation:
    sizes = (module.kernel_size, module.stride, module.padding)
    if module.ceil_mode or module.dilation != 1 or not all(isinstance(s, int) for s in sizes):
        raise _unknown(f"the pooling {module} ({place[0]})")
    kernel, stride, padding = (int(size) for size in sizes)  # type: ignore[arg-type]
    return MaxPool(*place, kernel=kernel, stride=stride, padding=padding)


_FROM_MODULE: Dict[Type[nn.Module], Callable[[Any, _Place], Operation]] = {
    nn.Conv2d: _convolution,
    nn.BatchNorm2d: _norm,
    nn.MaxPool2d: _max_pool,
    nn.ReLU: lambda _, place: Relu(*place),
    nn.ReLU6: lambda _, place: Relu(*place, ceiling=6.0),
}
_ADDITIONS = (operator.add, operator.iadd, torch.add)
_FROM_FUNCTION: Dict[Any, Callable[[Tuple[Any, ...], _Place], Operation]] = {
    **{addition: lambda _, place: Add(*place) for addition in _ADDITIONS},
    torch.cat: lambda _, place: Concat(*place),
    resample.resize_like: lambda _, place: Resize(place[0], place[1][:1], place[2]),
    resample.shrink: lambda args, place: Shrink(*place, factor=args[1]),
    resample.adaptive_average_pool: lambda args, place: RegionMean(*place, _shape(args[0])[1:]),
}


def _unknown(what: str) -> BuildFailed:
    return BuildFailed(
        f"the network uses {what}, which the exporter does not know",
        "Use the parts of runtime.builder.swiftnet, or teach builder/graph/trace.py this one",
    )


def _sources(arguments: Iterable[Any]) -> Iterator[fx.Node]:
    """The recorded calls among a call's arguments, in order, repeated ones included."""
    for argument in arguments:
        if isinstance(argument, fx.Node):
            yield argument
        elif isinstance(argument, (list, tuple)):
            yield from _sources(argument)


def _shape(node: fx.Node) -> Shape:
    _, channels, rows, columns = node.meta["tensor_meta"].shape
    return channels, rows, columns


def _pair(sizes: Tuple[int, ...]) -> Tuple[int, int]:
    rows, columns = sizes
    return rows, columns


def _numbers(parameter: Tensor) -> np.ndarray:
    return parameter.detach().double().numpy()
