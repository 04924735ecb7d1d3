"""From ONNX bytes to TensorRT's network, checked to be what was ordered before hours go into it."""

from __future__ import annotations

from collections import Counter
from typing import Any, Dict, Iterator, List, Tuple

import numpy as np

from runtime.errors import BuildFailed
from runtime.inference.backends.tensorrt.api import (
    Builder,
    ILayer,
    INetworkDefinition,
    IResizeLayer,
    ITensor,
    OnnxParser,
    TensorRT,
)
from runtime.inference.backends.tensorrt.capabilities import Capabilities, Typing
from runtime.inference.backends.tensorrt.errors import build_failed
from runtime.inference.backends.tensorrt.log import LogTail
from runtime.repository.manifest import Precision

ANY = -1
_QUANTIZERS = ("QUANTIZE", "DEQUANTIZE")
_RESIZE, _CONSTANT, _CONVOLUTION = "RESIZE", "CONSTANT", "CONVOLUTION"
_SHOWN_ERRORS = 3
_ONE_BY_ONE = "Build for one image at a time, or for an input whose sides divide by 32"


def network_flags(capabilities: Capabilities, typing: Typing) -> List[str]:
    """Names of the creation flags that a network of this typing needs on this TensorRT.

    Args:
        capabilities: of this TensorRT.
        typing: of the network.
    """
    names = ["EXPLICIT_BATCH"] if capabilities.explicit_batch else []
    return names + (["STRONGLY_TYPED"] if typing == "strong" else [])


def empty_network(trt: TensorRT, builder: Builder, flags: List[str]) -> INetworkDefinition:
    """A network without layers.

    Args:
        trt: the module.
        builder: of the module.
        flags: names of creation flags; see `network_flags`.
    """
    members = trt.NetworkDefinitionCreationFlag.__members__
    return builder.create_network(sum(1 << int(members[name]) for name in flags))


def fill_from_onnx(
    parser: OnnxParser, onnx: bytes, capabilities: Capabilities, tail: LogTail
) -> None:
    """Reads ONNX into the parser's network.

    Args:
        parser: fills the network that it was made for.
        onnx: the file's content.
        capabilities: of this TensorRT.
        tail: the log's, quoted if this fails.

    Raises:
        BuildFailed: the parser refuses it; with its own errors and the log's.
    """
    if parser.parse(onnx):
        return
    errors = list(_parser_errors(parser, capabilities))
    raise build_failed(
        f"{capabilities.product} cannot read the ONNX file",
        [*tail.problems, *errors],
        "Check it with the linter for TensorRT 8.5 and write it anew with `runtime build-engine`",
    )


def _parser_errors(parser: OnnxParser, capabilities: Capabilities) -> Iterator[str]:
    for index in range(min(parser.num_errors, _SHOWN_ERRORS)):
        error = parser.get_error(index)
        node = f"node {error.node()}"
        if capabilities.node_names and error.node_name():
            node = f"{error.node_operator()} {error.node_name()}"
        yield f"{node}: {error.desc()}"


def layers_of(network: INetworkDefinition) -> Iterator[ILayer]:
    """The layers, in the order of the graph."""
    return (network.get_layer(index) for index in range(network.num_layers))


def activations_of(network: INetworkDefinition) -> Iterator[ITensor]:
    """What the layers compute; weights and the like are layers too, and left out."""
    for layer in layers_of(network):
        if layer.type.name != _CONSTANT:
            yield from (layer.get_output(index) for index in range(layer.num_outputs))


def types_of(network: INetworkDefinition) -> Dict[str, int]:
    """How many activations have each type, by the type's name; only strong typing fixes them."""
    return dict(sorted(Counter(tensor.dtype.name for tensor in activations_of(network)).items()))


def interface_of(network: INetworkDefinition) -> Dict[str, Dict[str, Dict[str, Any]]]:
    """Shape and type of every input and output, by name."""
    inputs = [network.get_input(index) for index in range(network.num_inputs)]
    outputs = [network.get_output(index) for index in range(network.num_outputs)]
    return {"inputs": _described(inputs), "outputs": _described(outputs)}


def _described(tensors: List[ITensor]) -> Dict[str, Dict[str, Any]]:
    return {t.name: {"shape": list(t.shape), "dtype": t.dtype.name} for t in tensors}


def require_precision(
    network: INetworkDefinition, precision: Precision, typing: Typing, by_ranges: bool = False
) -> None:
    """Stops a build whose graph is of another precision than the plan is to have.

    TensorRT would build it without a word, slow or inaccurate.

    Args:
        network: filled.
        precision: of the plan.
        typing: of the network.
        by_ranges: whether INT8 comes from tensors' ranges, which leaves no room for quantizers.

    Raises:
        BuildFailed: quantizers where none belong or none where they do; FP16 missing from, or
            present in, a graph whose types are binding.
    """
    quantized = any(layer.type.name in _QUANTIZERS for layer in layers_of(network))
    wanted = precision == "int8" and not by_ranges
    if quantized != wanted:
        has = "has quantizers" if quantized else "has no quantizers"
        fitting = "model.int8.onnx" if wanted else "the float graph"
        raise BuildFailed(
            f"a plan in {precision} was ordered from a graph that {has}",
            f"Give it {fitting}, or order the precision of the graph",
        )
    if typing == "weak" or precision == "int8":
        return
    has_half = "HALF" in types_of(network)
    if has_half != (precision == "fp16"):
        raise BuildFailed(
            f"a strongly typed plan in {precision} was ordered from a graph "
            f"{'with' if has_half else 'without'} FP16 tensors",
            "Give FP16 plans model.fp16.onnx and FP32 plans model.onnx: strong typing converts "
            "nothing",
        )


def quantized_convolutions(network: INetworkDefinition) -> List[str]:
    """Names of the convolutions that read what was quantized."""
    dequantized = {
        layer.get_output(0).name
        for layer in layers_of(network)
        if layer.type.name == _QUANTIZERS[1]
    }
    return [
        layer.name
        for layer in layers_of(network)
        if layer.type.name == _CONVOLUTION and layer.get_input(0).name in dequantized
    ]


def open_batch(trt: TensorRT, network: INetworkDefinition) -> None:
    """Lets a network that was exported for one image take any number of them.

    An interpolation to a fixed size would keep a batch of one for ever, and TensorRT would build
    a plan that is wrong for every other; so sizes become the scale factors that give them.

    Args:
        trt: the module.
        network: filled, for one image; it is changed.

    Raises:
        BuildFailed: a factor is not exact, or a layer does not follow the input's batch.
    """
    resizes = [layer for layer in layers_of(network) if layer.type.name == _RESIZE]
    for layer in resizes:
        _scale_instead_of_size(trt, layer)
    for index in range(network.num_inputs):
        tensor = network.get_input(index)
        tensor.shape = (ANY, *tuple(tensor.shape)[1:])
    outputs = [network.get_output(index) for index in range(network.num_outputs)]
    followers = [*outputs, *(layer.get_output(0) for layer in resizes)]
    fixed = [tensor.name for tensor in followers if list(tensor.shape)[:1] != [ANY]]
    if fixed:
        raise BuildFailed(f"the batch of {', '.join(fixed)} cannot be opened", _ONE_BY_ONE)


def _scale_instead_of_size(trt: TensorRT, layer: ILayer) -> None:
    source, result = tuple(layer.get_input(0).shape), tuple(layer.get_output(0).shape)
    resize = _as_resize(trt, layer)
    if list(resize.scales):
        return
    scales = [float(after) / before for before, after in zip(source, result)]
    resize.scales = scales
    # TensorRT keeps scales in float32.
    exact = all(float(np.float32(scale)) == scale for scale in scales)
    if not exact or tuple(layer.get_output(0).shape) != result:
        raise BuildFailed(
            f"{layer.name} interpolates {source} to {result}, which no scale factor says exactly",
            _ONE_BY_ONE,
        )


def _as_resize(trt: TensorRT, layer: ILayer) -> IResizeLayer:
    """The same layer with the properties of its kind, which Python's binding hides."""
    layer.__class__ = trt.IResizeLayer
    resize: Any = layer
    return resize  # type: ignore[no-any-return]


def free_dimensions(network: INetworkDefinition) -> List[Tuple[str, Tuple[int, ...]]]:
    """Inputs of which some size is open, with their shapes."""
    inputs = (network.get_input(index) for index in range(network.num_inputs))
    shapes = ((tensor.name, tuple(tensor.shape)) for tensor in inputs)
    return [(name, shape) for name, shape in shapes if ANY in shape]
