"""Where in a file of weights a network is: below which keys, behind which prefix.

Frameworks wrap a state_dict in dictionaries (`{"state_dict": ...}`, `{"model": ...}`) and its keys
in prefixes (`module.`, `model.`, `_orig_mod.`). Instead of a list of frameworks, a network is found
by the names of layers that it must have, wherever they stand.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Dict, Iterator, List, Mapping, Set, Tuple

import torch
from torch import Tensor

from runtime.builder.weights.weights_file import WeightsFile
from runtime.errors import InvalidInput

DEEPEST = 4
# What wraps single layers too, as torch.compile and FSDP do; no network here has such a layer.
_WRAPPERS = {"module", "_orig_mod", "_fsdp_wrapped_module", "_checkpoint_wrapped_module"}
_AVERAGES = {"ema", "swa", "avg", "average", "averaged"}


@dataclass(frozen=True)
class FoundNetwork:
    """One network in a file.

    Attributes:
        place: the dictionaries around it, such as `("checkpoint", "state_dict")`.
        prefix: what its keys begin with, such as "model.".
        tensors: without the prefix.
    """

    place: Tuple[str, ...]
    prefix: str
    tensors: Dict[str, Tensor]

    @property
    def is_average(self) -> bool:
        """Whether its place or prefix calls it a running average of the weights."""
        words = re.split(r"[^a-z]+", " ".join((*self.place, self.prefix)).lower())
        return not _AVERAGES.isdisjoint(words)

    def __str__(self) -> str:
        """Where it is, for people."""
        path = "".join(f"[{key!r}]" for key in self.place) or "the file"
        return f"{path} under {self.prefix!r}" if self.prefix else path


def networks_in(content: Mapping[Any, Any], *landmarks: Tuple[str, ...]) -> List[FoundNetwork]:
    """Every network that has all layers of one of the landmarks.

    Args:
        content: of a file.
        landmarks: keys that a network has together; the first is where its prefix is seen.
    """
    found: List[FoundNetwork] = []
    for place, state in _states(content):
        prefixes = {
            key[: -len(keys[0])]
            for keys in landmarks
            for key in state
            if f".{key}".endswith(f".{keys[0]}")
            and all(key[: -len(keys[0])] + other in state for other in keys[1:])
        }
        for prefix in sorted(prefixes):
            own = {k[len(prefix) :]: t for k, t in state.items() if k.startswith(prefix)}
            found.append(FoundNetwork(place, prefix, own))
    return found


def the_one_network(file: WeightsFile, found: List[FoundNetwork]) -> FoundNetwork:
    """The network that is meant: the only one, or the average of its training.

    Args:
        file: that holds them, for complaints.
        found: at least one.

    Raises:
        InvalidInput: there are several, and nothing tells which one is meant.
    """
    averages = [network for network in found if network.is_average]
    candidates = averages or found
    first = candidates[0]
    if all(_equal(first.tensors, other.tensors) for other in candidates[1:]):
        return first
    key = "".join(f"[{key!r}]" for key in first.place)
    load = f"torch.load({file.path.name!r}, weights_only=True){key}"
    kept = f"{{k: v for k, v in {load}.items() if k.startswith({first.prefix!r})}}"
    raise InvalidInput(
        f"{file.path} holds {len(candidates)} networks: {', '.join(map(str, candidates))}",
        f"Save the one you mean by itself, such as `torch.save({kept}, 'weights.pt')`",
    )


def _states(content: Mapping[Any, Any]) -> Iterator[Tuple[Tuple[str, ...], Dict[str, Tensor]]]:
    """Every dictionary with named tensors, and where it is."""
    seen: Set[int] = set()
    waiting: List[Tuple[Tuple[str, ...], Mapping[Any, Any]]] = [((), content)]
    while waiting:
        place, values = waiting.pop(0)
        if id(values) in seen or len(place) > DEEPEST:
            continue
        seen.add(id(values))
        tensors = {k: v for k, v in values.items() if isinstance(k, str) and isinstance(v, Tensor)}
        if tensors:
            yield place, _unwrapped(tensors)
        for key, value in values.items():
            if isinstance(value, dict):
                waiting.append(((*place, str(key)), value))


def _unwrapped(tensors: Dict[str, Tensor]) -> Dict[str, Tensor]:
    """Without the names of wrappers in the keys, unless two keys would then be one."""
    bare = {
        ".".join(part for part in key.split(".") if part not in _WRAPPERS): tensor
        for key, tensor in tensors.items()
    }
    return bare if len(bare) == len(tensors) else tensors


def _equal(one: Mapping[str, Tensor], other: Mapping[str, Tensor]) -> bool:
    return one.keys() == other.keys() and all(
        tensor is other[key] or _same_values(tensor, other[key]) for key, tensor in one.items()
    )


def _same_values(one: Tensor, other: Tensor) -> bool:
    comparable = all(each.layout == torch.strided and not each.is_meta for each in (one, other))
    return comparable and one.dtype == other.dtype and torch.equal(one, other)
