"""Measures what narrower groups save on OpenVINO: the table behind `prune --allocation latency`."""

from __future__ import annotations

from collections import defaultdict
from typing import Callable, Dict, List, Mapping, Sequence, Tuple

import numpy as np
import onnx
import torch
from typing_extensions import Literal

from runtime.builder.export.export import onnx_from_model
from runtime.builder.pruning.dependencies import groups_of
from runtime.builder.pruning.groups import Group
from runtime.builder.pruning.latency import LatencyTable, leaders_of
from runtime.builder.pruning.pruned_architecture import architecture_after
from runtime.builder.quantization.qdq_placement import QuantizationOptions
from runtime.builder.quantization.quantize import int8_from_float
from runtime.builder.swiftnet import Architecture, SwiftNet
from runtime.experiments.profile.openvino_timing import OpenVinoTiming
from runtime.experiments.study.speed_step import machine_in_words

Advance = Callable[[], None]
Size = Tuple[int, int]
TablePrecision = Literal["fp32", "int8"]

WARM_UP_PASSES = 2
NOISE = 0.01
"""A saving below this share of the whole is not told from noise and counts as none."""


def widths_to_measure(
    architecture: Architecture, alignment: int, most: int
) -> List[Tuple[Group, int]]:
    """Each group that can be chosen, at up to `most` evenly spaced multiples of the alignment.

    Args:
        architecture: of the whole network.
        alignment: channels that every width is a multiple of.
        most: widths of each group at most.
    """
    chosen: List[Tuple[Group, int]] = []
    for group in leaders_of(groups_of(architecture)):
        possible = list(range(alignment, group.channels, alignment))
        picked = np.linspace(0, len(possible) - 1, min(most, len(possible))).round().astype(int)
        chosen += [(group, possible[index]) for index in picked]
    return chosen


def measure_table(
    architecture: Architecture,
    size: Size,
    precision: TablePrecision,
    widths: Sequence[Tuple[Group, int]],
    repetitions: int,
    advance: Advance,
) -> LatencyTable:
    """Times the whole network and each narrower one in turns, pass by pass.

    Weights are random, since they change nothing about the time.

    Args:
        architecture: of the whole network.
        size: rows and columns of the image.
        precision: of the graph; INT8's ranges are made up, which changes nothing either.
        widths: what to measure, as `widths_to_measure` gives it.
        repetitions: passes of each network.
        advance: called after each width.
    """
    whole = _timing(architecture, size, precision)
    everything: List[float] = []
    saved: Dict[str, Dict[int, float]] = defaultdict(dict)
    shares: Dict[Tuple[str, int], float] = {}
    for group, width in widths:
        kept = _with_its_like(groups_of(architecture), group, width)
        narrow = _timing(architecture_after(architecture, kept), size, precision)
        ratios: List[float] = []
        for number in range(WARM_UP_PASSES + repetitions):
            before, after = whole.forward(), narrow.forward()
            if number >= WARM_UP_PASSES:
                everything.append(before)
                ratios.append(after / before)
        shares[group.name, width] = 1 - float(np.median(ratios))
        advance()
    whole_ms = float(np.median(everything))
    for (name, width), share in shares.items():
        saved[name][width] = round(whole_ms * share, 4) if share > NOISE else 0.0
    return LatencyTable(
        machine=machine_in_words(),
        backend=whole.backend,
        size=size,
        architecture=architecture.to_dict(),
        whole_ms=whole_ms,
        saved_ms={name: dict(sorted(by_width.items())) for name, by_width in saved.items()},
    )


def _with_its_like(groups: Sequence[Group], group: Group, width: int) -> Mapping[str, int]:
    """The width of a group, and of those that share it or follow it."""
    return {each.name: width // each.share for each in groups if each.shares_width_with(group)}


def _timing(architecture: Architecture, size: Size, precision: TablePrecision) -> OpenVinoTiming:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = onnx_from_model(SwiftNet(architecture).eval(), *size)
    if precision == "int8":
        model = int8_from_float(model, _any_threshold(model), QuantizationOptions())
    return OpenVinoTiming(model.SerializeToString(), size, precision)


def _any_threshold(model: onnx.ModelProto) -> Dict[str, float]:
    tensors = [name for node in model.graph.node for name in (*node.input, *node.output)]
    return dict.fromkeys(tensors, 1.0)
