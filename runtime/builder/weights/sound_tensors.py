"""What a tensor has to be before it becomes a weight: dense, real, and finite."""

from __future__ import annotations

from typing import Dict, List, Mapping

import torch
from torch import Tensor

from runtime.errors import InvalidInput

FLOATS = (torch.float32, torch.float16, torch.bfloat16, torch.float64)
COUNTER = "num_batches_tracked"
SHOWN_KEYS = 4


def is_counter(key: str) -> bool:
    """Whether a tensor only counts the batches that its norm, or an average, has seen."""
    return key.rpartition(".")[2] in (COUNTER, "n_averaged")


def sound_weights(tensors: Mapping[str, Tensor], source: str) -> Dict[str, Tensor]:
    """The tensors as dense float32 on the CPU, without counters: these are no weights.

    Args:
        tensors: of any floating-point precision and memory format.
        source: what holds them, for complaints.

    Raises:
        InvalidInput: a tensor is sparse, quantized, not of real numbers, or not finite.
    """
    return {
        key: _sound(key, tensor, source) for key, tensor in tensors.items() if not is_counter(key)
    }


def counters_of(tensors: Mapping[str, Tensor]) -> Dict[str, Tensor]:
    """Counters of batches that are as torch keeps them today, one whole number each.

    Args:
        tensors: of a network; old or converted ones may count otherwise, which is left out.
    """
    return {
        key: tensor
        for key, tensor in tensors.items()
        if is_counter(key) and tensor.shape == () and tensor.dtype == torch.int64
    }


def require_same_tensors(
    expected: Mapping[str, Tensor], given: Mapping[str, Tensor], source: str
) -> None:
    """Refuses weights that are not those of a network, key by key and shape by shape.

    Args:
        expected: the network's own; counters do not matter.
        given: what is to take their place.
        source: what holds them, for complaints.

    Raises:
        InvalidInput: keys are missing or unknown, or shapes differ.
    """
    wanted = {key: tensor for key, tensor in expected.items() if not is_counter(key)}
    missing = [key for key in wanted if key not in given]
    if missing:
        raise InvalidInput(
            f"{source} lacks {some(missing)}", "Give the state_dict of the whole network"
        )
    unknown = [key for key in given if key not in wanted and not is_counter(key)]
    if unknown:
        raise InvalidInput(
            f"{source} has the unknown {some(unknown)}",
            "Remove them, or give a network whose layers are those of a SwiftNet",
        )
    other = [
        f"{key} {tuple(given[key].shape)} instead of {tuple(tensor.shape)}"
        for key, tensor in wanted.items()
        if given[key].shape != tensor.shape
    ]
    if other:
        raise InvalidInput(
            f"{source} has other shapes: {some(other)}",
            "Give weights of the same geometry; pruned widths take none but their own",
        )


def some(names: List[str]) -> str:
    """The first of some names, and how many more there are."""
    more = f" and {len(names) - SHOWN_KEYS} more" if len(names) > SHOWN_KEYS else ""
    return ", ".join(names[:SHOWN_KEYS]) + more


def _sound(key: str, tensor: Tensor, source: str) -> Tensor:
    if tensor.is_quantized or tensor.dtype not in FLOATS:
        raise InvalidInput(
            f"{source} holds {str(tensor.dtype).replace('torch.', '')} numbers in {key}",
            "Give weights in floating point; `runtime build-engine --int8` makes INT8 of them",
        )
    if tensor.layout != torch.strided:
        raise InvalidInput(
            f"{source} holds the sparse tensor {key}", "Save it dense: `tensor.to_dense()`"
        )
    if tensor.is_meta:
        raise InvalidInput(
            f"{source} holds {key} without its values", "Save the network after loading its weights"
        )
    if tensor.numel() * tensor.element_size() > tensor.untyped_storage().nbytes():
        raise InvalidInput(
            f"{source} holds fewer numbers for {key} than its shape {tuple(tensor.shape)} has",
            "Save it whole: `tensor.clone()`",
        )
    weight = tensor.detach().float().contiguous()
    lost = int((~torch.isfinite(weight)).sum())
    if lost:
        raise InvalidInput(
            f"{source} holds numbers that are not finite: {lost} of {weight.numel()} in {key}",
            "Take an earlier checkpoint: the training has diverged, or the file is damaged",
        )
    if key.endswith("running_var") and bool((weight < 0).any()):
        raise InvalidInput(
            f"{source} holds negative variances in {key}", "Take another checkpoint: it is damaged"
        )
    return weight
