"""A network and its parser as `fake_tensorrt` has them: tensors by name, layers in order.

A "graph" is JSON: {"layers": [[type, dtype], ...]}, each layer reading one tensor from outside; or
[type, dtype, name, [inputs]], where an input is the network's `image` or another layer's name.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any, List, Optional, Tuple

INPUT = (1, 3, 64, 96)


@dataclass
class Named:
    name: str


@dataclass
class Tensor:
    name: str
    shape: Tuple[int, ...]
    dtype: Any
    range: Optional[Tuple[float, float]] = None

    def set_dynamic_range(self, smallest: float, largest: float) -> bool:
        self.range = (smallest, largest)
        return True


@dataclass
class Layer:
    name: str
    type: Any
    tensor: Tensor
    sources: List[Tensor]
    scales: List[float] = field(default_factory=list)
    num_outputs: int = 1


class Network:
    def __init__(self, trt: Any) -> None:
        self.trt = trt
        self.layers: List[Layer] = []
        self.input = Tensor("image", INPUT, Named("FLOAT"))
        self.num_inputs = self.num_outputs = 1

    @property
    def num_layers(self) -> int:
        return len(self.layers)

    def get_layer(self, index: int) -> Any:
        layer = self.layers[index]
        shown = self.trt.show("ILayer", layer)
        layer.__dict__["get_output"] = lambda _: self.trt.show("ITensor", self._result(layer))
        layer.__dict__["get_input"] = lambda which: self.trt.show("ITensor", layer.sources[which])
        return shown

    def _result(self, layer: Layer) -> Tensor:
        # A resize to a fixed size keeps its batch; everything else follows the input's.
        fixed = layer.type.name == "RESIZE" and not layer.scales
        batch = 1 if fixed else self.input.shape[0]
        layer.tensor.shape = (batch, *layer.tensor.shape[1:])
        return layer.tensor

    def get_input(self, _: int) -> Any:
        return self.trt.show("ITensor", self.input)

    def get_output(self, _: int) -> Any:
        return self.trt.show("ITensor", self._result(self.layers[-1]))


class Parser:
    def __init__(self, trt: Any, network: Network) -> None:
        self.trt, self.network, self.errors = trt, network, 0

    @property
    def num_errors(self) -> int:
        return self.errors

    def parse(self, model: bytes) -> bool:
        needs_batch = self.trt.__version__.startswith("8.")
        lacks_batch = needs_batch and "EXPLICIT_BATCH" not in self.trt.named_flags
        if lacks_batch or not model.startswith(b"{"):
            self.errors = 1
            self.trt.say("ERROR", "ModelImporter.cpp:735: Failed to parse the ONNX model.")
            return False
        tensors = {"image": self.network.input}
        for number, (kind, dtype, *wiring) in enumerate(json.loads(model)["layers"]):
            name, inputs = wiring or (f"layer{number}", ["source"])
            outside = Tensor("source", (1, 3, 8, 12), Named(dtype))
            shape = (1, 3, 16, 24) if kind == "RESIZE" else (1, 3, 8, 12)
            tensors[name] = Tensor(name, shape, Named(dtype))
            sources = [tensors.get(source, outside) for source in inputs]
            self.network.layers.append(Layer(name, Named(kind), tensors[name], sources))
        return True

    def get_error(self, _: int) -> Any:
        return self.trt.show("ParserError", Fault())


class Fault:
    def desc(self) -> str:
        return "Failed to parse the ONNX model."

    def node(self) -> int:
        return 7

    def node_name(self) -> str:
        return "conv7"

    def node_operator(self) -> str:
        return "Conv"
