"""A network for a deep learning accelerator (DLA): ranges, not quantizers, and who runs what.

The DLA of Xavier knows no QuantizeLinear; TensorRT 8.5 to 10 quantize for it by themselves when
every tensor has a range ("implicit quantization"). What the DLA cannot run falls back to the GPU.
"""

from __future__ import annotations

from typing import Callable, Dict, Iterator, List, Mapping

from runtime.builder.tensorrt.network import layers_of
from runtime.inference.backends.tensorrt.api import ILayer, INetworkDefinition, ITensor

# Their result needs no finer or coarser scale than what they read.
_SCALE_KEEPING = ("POOLING", "RESIZE", "SHUFFLE", "IDENTITY")
_ACTIVATION, _ELEMENTWISE, _CONSTANT = "ACTIVATION", "ELEMENTWISE", "CONSTANT"


def set_ranges(network: INetworkDefinition, ranges: Mapping[str, float]) -> List[str]:
    """Gives tensors their ranges, those of their neighbours included that follow from them.

    Args:
        network: gets the ranges.
        ranges: by tensor, the magnitude that becomes 127; of calibrated tensors.

    Returns:
        the names of tensors without a range: layers between them compute in FP16.
    """
    tensors = {tensor.name: tensor for tensor in _tensors(network)}
    complete = completed_ranges(network, ranges)
    for name, tensor in tensors.items():
        if name in complete:
            tensor.set_dynamic_range(-complete[name], complete[name])
    return [name for name in tensors if name not in complete]


def completed_ranges(network: INetworkDefinition, ranges: Mapping[str, float]) -> Dict[str, float]:
    """Ranges of all tensors that calibrated ones decide on.

    A rectifier's input takes the range of its output, which is all that survives. Pooling and the
    like keep the scale they read. A DLA adds only what has one scale on both sides, so the
    operands of an addition share the largest range among them and their sum.

    Args:
        network: says which tensors share a scale.
        ranges: by tensor, the magnitude that becomes 127; of calibrated tensors.
    """
    known = {name: float(largest) for name, largest in ranges.items()}
    layers = list(layers_of(network))
    # Ranges only grow, and to none that is not among the calibrated: this comes to an end.
    while any(_settled(known, layer) for layer in layers):
        continue
    return known


def placement(
    network: INetworkDefinition, can_run_on_dla: Callable[[ILayer], bool]
) -> Dict[str, List[str]]:
    """Which layers the DLA takes, and which fall back to the GPU, by name.

    Args:
        network: to be placed.
        can_run_on_dla: the builder configuration's answer for a layer.
    """
    computing = [layer for layer in layers_of(network) if layer.type.name != _CONSTANT]
    on_dla = [can_run_on_dla(layer) for layer in computing]
    return {
        "dla": [layer.name for layer, here in zip(computing, on_dla) if here],
        "gpu": [layer.name for layer, here in zip(computing, on_dla) if not here],
    }


def _tensors(network: INetworkDefinition) -> Iterator[ITensor]:
    yield from (network.get_input(index) for index in range(network.num_inputs))
    for layer in layers_of(network):
        if layer.type.name != _CONSTANT:
            yield from (layer.get_output(index) for index in range(layer.num_outputs))


def _settled(known: Dict[str, float], layer: ILayer) -> bool:
    """Completes the ranges around one layer; whether that changed any."""
    kind = layer.type.name
    result = layer.get_output(0).name if layer.num_outputs else ""
    if kind == _ACTIVATION and result in known:
        return _shared(known, [layer.get_input(0).name], known[result])
    if kind in _SCALE_KEEPING:
        return _shared(known, [layer.get_input(0).name, result])
    if kind == _ELEMENTWISE:
        operands = [layer.get_input(0).name, layer.get_input(1).name]
        return _shared(known, operands, known.get(result, 0.0))
    return False


def _shared(known: Dict[str, float], names: List[str], at_least: float = 0.0) -> bool:
    """Raises tensors to the largest range among them; whether that changed any."""
    largest = max([at_least, *(known[name] for name in names if name in known)])
    if largest == 0 or all(known.get(name) == largest for name in names):
        return False
    known.update(dict.fromkeys(names, largest))
    return True
