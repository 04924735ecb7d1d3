"""INT8 weights that pyramid levels share.

Folding batch norms scales output channels, so the levels' float weights of one convolution differ
by a factor per channel alone: W_level[c] = a_level[c] * W[c]. Divided by its own largest
magnitude every level gives the same INT8 numbers, up to the sign of a. One INT8 tensor and a
scale per level then say everything; only levels whose signs differ need a tensor of their own.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Dict, List, Mapping, Tuple

import numpy as np

INT8_LIMIT = 127
"""What the largest magnitude becomes: as many steps lie between zero and a threshold."""
SCALE_FLOOR = 1e-7
"""TensorRT refuses a scale of zero, which a dead channel would have; FP16 can still hold this."""
_SAME_DIRECTION = 1e-5
"""Largest relative residue that rounding of folded float32 weights leaves."""


@dataclass(frozen=True)
class QuantizedWeight:
    """Weights of one convolution, or of several that share them.

    Attributes:
        integers: (out, in, rows, columns) int8, within [-127, 127].
        scales: by convolution: (out,) float32, all positive; weight = integers * scale.
    """

    integers: np.ndarray
    scales: Mapping[str, np.ndarray]


def quantized_weights(weights: Mapping[str, np.ndarray]) -> List[QuantizedWeight]:
    """Quantizes float weights symmetrically per output channel, sharing INT8 tensors if possible.

    Args:
        weights: by convolution, (out, in, rows, columns) float32; those of one module's levels.

    Returns:
        one entry for all of them if their directions agree in every channel; more where signs or
        the weights themselves differ.
    """
    groups: List[Tuple[np.ndarray, Dict[str, np.ndarray]]] = []
    for name, weight in weights.items():
        for reference, members in groups:
            if weight.shape == reference.shape and _same_directions(reference, weight):
                members[name] = weight
                break
        else:
            groups.append((_directions(weight), {name: weight}))
    return [_quantized(members) for _, members in groups]


def _quantized(members: Mapping[str, np.ndarray]) -> QuantizedWeight:
    largest = {name: _largest(weight) for name, weight in members.items()}
    names = list(members)
    # Of each channel, the level that scales it up most has the least relative rounding error.
    strongest = np.argmax(np.stack([largest[name] for name in names]), axis=0)
    stacked = np.stack([members[name] for name in names])
    reference = stacked[strongest, np.arange(stacked.shape[1])]
    integers = np.rint(_directions(reference) * INT8_LIMIT).astype(np.int8)
    scales = {
        name: np.maximum(peak / INT8_LIMIT, SCALE_FLOOR).astype(np.float32)
        for name, peak in largest.items()
    }
    return QuantizedWeight(integers, scales)


def _largest(weight: np.ndarray) -> np.ndarray:
    return np.asarray(np.abs(weight).reshape(len(weight), -1).max(1))


def _directions(weight: np.ndarray) -> np.ndarray:
    """Each output channel divided by its largest magnitude; zeros for a dead one."""
    peak = np.maximum(_largest(weight), np.finfo(np.float32).tiny)
    return np.asarray(weight / peak[:, None, None, None])


def _same_directions(reference: np.ndarray, weight: np.ndarray) -> bool:
    """Whether every channel that is alive in both points the same way."""
    directions = _directions(weight)
    alive = (_largest(reference) > 0) & (_largest(weight) > 0)
    return bool(np.abs(directions - reference)[alive].max(initial=0) <= _SAME_DIRECTION)
