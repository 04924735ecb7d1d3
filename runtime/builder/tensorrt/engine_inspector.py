"""What a plan is made of, as TensorRT's engine inspector tells it: fusion, types, conversions.

Which layers were fused and what each computes in is decided while a plan is built, under weak
typing even its precision. The inspector tells it of a plan that can be loaded and was built with
the verbosity DETAILED, as every plan of this project is.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from dataclasses import dataclass
from typing import Any, Dict, Iterable, List, Mapping, Match, Optional, Tuple

from runtime.errors import BuildFailed

UNKNOWN = "unknown"
# TensorRT 8 describes a layout in words with the type among them, 10 and later say the type alone.
_TYPES: Tuple[Tuple[str, str], ...] = (
    ("int8", r"int8"),
    ("bf16", r"bf16|bfloat16"),
    ("fp16", r"fp16|half"),
    ("fp8", r"fp8"),
    ("int32", r"int32"),
    ("int64", r"int64"),
    ("fp32", r"fp32|float"),
)
_ONE_LINE = re.compile(
    r"Layer\((?P<kind>[^)]*)\): (?P<name>.*?), Tactic: (?P<tactic>[^,]*), (?P<tensors>.* -> .*)"
)
_ONE_LINE_TYPE = re.compile(r"[\[(](?P<type>[A-Z]\w+)[\[(]")
_ONNX_LAYER = re.compile(r"\[ONNX Layer: ([^\]]+)\]")
_FUSED = " + "
_DLA, _REFORMAT, _CONVOLUTION = "DLA", "Reformat", "Convolution"
_SHOWN = 5


@dataclass(frozen=True)
class InspectedLayer:
    """One layer of a plan.

    Attributes:
        name: those of the network's layers that were fused into it, joined.
        kind: TensorRT's own word for what computes it.
        is_convolution: whether it has the weights of one.
        inputs: their types, as `int8`, `fp16`, `fp32` ...
        outputs: likewise.
        weights: their type; None where it is not told.
        origins: the ONNX nodes it comes from.
    """

    name: str
    kind: str
    is_convolution: bool
    inputs: Tuple[str, ...]
    outputs: Tuple[str, ...]
    weights: Optional[str] = None
    origins: Tuple[str, ...] = ()

    @property
    def computes_in(self) -> str:
        """The type of its operands: weights where they are told, else the first input."""
        return self.weights or next(iter((*self.inputs, *self.outputs)), UNKNOWN)


@dataclass(frozen=True)
class Inspection:
    """A plan's layers, in the order in which they run."""

    layers: Tuple[InspectedLayer, ...]

    def summary(self, meant_int8: Iterable[str] = ()) -> Dict[str, Any]:
        """The figures, in plain values.

        Args:
            meant_int8: names of the convolutions that are quantized in the graph.
        """
        convolutions = [layer for layer in self.layers if layer.is_convolution]
        meant = set(meant_int8)
        return {
            "layers": len(self.layers),
            "reformats": sum(layer.kind == _REFORMAT for layer in self.layers),
            "on_dla": sum(layer.kind == _DLA for layer in self.layers),
            "fused": sum(len(layer.origins) > 1 for layer in self.layers),
            "convolutions": dict(sorted(Counter(c.computes_in for c in convolutions).items())),
            "not_int8": self.not_int8(meant),
            "untraced": sorted(meant - {origin for c in convolutions for origin in c.origins}),
        }

    def not_int8(self, meant: Iterable[str]) -> Dict[str, str]:
        """The convolutions that are quantized in the graph and compute otherwise, with the type.

        Args:
            meant: names of the convolutions that are quantized in the graph.
        """
        types = {
            origin: layer.computes_in
            for layer in self.layers
            if layer.is_convolution
            for origin in layer.origins
        }
        found = {name: types.get(name, UNKNOWN) for name in meant}
        return {name: kind for name, kind in found.items() if kind not in ("int8", UNKNOWN)}

    def require_int8(self, meant: Iterable[str]) -> None:
        """Stops a build whose quantized convolutions do not all compute in INT8.

        Raises:
            BuildFailed: with the first of those that do not.
        """
        wrong = self.not_int8(meant)
        if wrong:
            told = ", ".join(f"{name} in {kind}" for name, kind in list(wrong.items())[:_SHOWN])
            raise BuildFailed(
                f"{len(wrong)} convolutions that are quantized do not compute in INT8: {told}",
                "Try a larger workspace or channels in multiples of 32; or name them in the "
                "recipe's keep_float, which spares the conversions around them",
            )


def inspection_from_json(text: str) -> Inspection:
    """Reads what the inspector tells in its format JSON.

    Raises:
        BuildFailed: it is not JSON, or the plan was built to tell names alone.
    """
    try:
        content = json.loads(text)
    except ValueError as error:
        raise BuildFailed(f"the inspector's answer is not JSON: {error}", _REBUILD) from error
    layers = content.get("Layers") if isinstance(content, dict) else None
    if not layers or not all(isinstance(layer, dict) for layer in layers):
        raise BuildFailed("the plan tells no more of its layers than their names", _REBUILD)
    return Inspection(tuple(_layer(layer) for layer in layers))


def inspection_from_lines(text: str) -> Inspection:
    """Reads what the inspector tells in its format ONELINE; other lines are left out.

    Raises:
        BuildFailed: no line tells of a layer.
    """
    matches = [match for match in map(_ONE_LINE.search, text.splitlines()) if match is not None]
    if not matches:
        raise BuildFailed("the plan tells no more of its layers than their names", _REBUILD)
    return Inspection(tuple(_layer_of_line(match) for match in matches))


_REBUILD = "Build it anew with `runtime build-engine`, which asks for detailed layers"


def _layer(told: Mapping[str, Any]) -> InspectedLayer:
    name, kind = str(told.get("Name", "")), str(told.get("LayerType", ""))
    weights = told.get("Weights")
    weights_type = _type_in(str(weights.get("Type", ""))) if isinstance(weights, dict) else UNKNOWN
    return InspectedLayer(
        name=name,
        kind=kind,
        is_convolution=told.get("ParameterType") == _CONVOLUTION or _is_convolution(kind),
        inputs=_types(told.get("Inputs", ())),
        outputs=_types(told.get("Outputs", ())),
        weights=None if weights_type == UNKNOWN else weights_type,
        origins=_origins(name, str(told.get("Metadata", ""))),
    )


def _layer_of_line(match: Match[str]) -> InspectedLayer:
    before, _, after = match["tensors"].rpartition(" -> ")
    return InspectedLayer(
        name=match["name"],
        kind=match["kind"],
        is_convolution=_is_convolution(match["kind"]),
        inputs=tuple(_type_in(found) for found in _ONE_LINE_TYPE.findall(before)),
        outputs=tuple(_type_in(found) for found in _ONE_LINE_TYPE.findall(after)),
        origins=_origins(match["name"]),
    )


def _is_convolution(kind: str) -> bool:
    """Whether a kind of layer is one, such as CaskConvolution and FusedConvActConvolution."""
    return kind.endswith(_CONVOLUTION)


def _types(tensors: Iterable[Mapping[str, Any]]) -> Tuple[str, ...]:
    return tuple(_type_in(str(tensor.get("Format/Datatype", ""))) for tensor in tensors)


def _type_in(words: str) -> str:
    for name, pattern in _TYPES:
        if re.search(pattern, words, re.IGNORECASE):
            return name
    return UNKNOWN


def _origins(name: str, metadata: str = "") -> Tuple[str, ...]:
    """What was fused: told as metadata by later releases, and by the name in all."""
    parts: List[str] = [*_ONNX_LAYER.findall(metadata), *name.split(_FUSED)]
    return tuple(dict.fromkeys(part.strip() for part in parts))
