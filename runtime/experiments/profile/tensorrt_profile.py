"""Reads the layer times that TensorRT's profiler gives.

`trtexec --exportProfile=FILE` and the profiler of the TensorRT backend write the same JSON: a list
whose first object holds the number of passes, `{"count": 100}`, and whose others are layers,
`{"name": ..., "timeMs": of all passes, "averageMs": ..., "medianMs": ..., "percentage": ...}`.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Dict

from runtime.errors import InvalidInput
from runtime.experiments.profile.layer_map import places_in
from runtime.experiments.profile.profile import LayerTimes, Profile, profile_from_passes

ENCODERS = {"backbone.features": "mobilenet_v2"}
"""Encoders by what their layers are called; every other is a ResNet."""


def profile_from_tensorrt(path: Path) -> Profile:
    """The profile in a file; its forward pass is the sum of its layers.

    Raises:
        InvalidInput: the file cannot be read, is not such a profile, or is not of a SwiftNet.
    """
    times = layer_times(path)
    marks = [mark for mark in ENCODERS if any(mark in name for name in times)]
    encoder = ENCODERS[marks[0]] if marks else "resnet18"
    total = sum(times.values())
    return profile_from_passes((path.stem, "tensorrt"), [times], [total], places_in(encoder))


def layer_times(path: Path) -> LayerTimes:
    """Milliseconds of each layer, the median over the passes where the file has it.

    Raises:
        InvalidInput: as `profile_from_tensorrt`.
    """
    cure = "Give the JSON that trtexec --exportProfile writes"
    try:
        entries: Any = json.loads(path.read_text(encoding="utf-8"))
        layers = [entry for entry in entries if "name" in entry]
        times: Dict[str, float] = {}
        for layer in layers:
            spent = float(layer["medianMs"] if "medianMs" in layer else layer["averageMs"])
            times[layer["name"]] = times.get(layer["name"], 0.0) + spent
    except OSError as error:
        raise InvalidInput(f"no profile can be read at {path}: {error.strerror}", cure) from error
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise InvalidInput(f"{path} is not a profile of TensorRT's: {error}", cure) from error
    if not times:
        raise InvalidInput(f"{path} names no layer", cure)
    return times
