"""How long each layer of a plan takes, as TensorRT reports it to a profiler."""

from __future__ import annotations

import json
from statistics import median
from typing import Any, Dict, List

from runtime.inference.backends.tensorrt.api import TensorRT


class LayerTimes:
    """Milliseconds of each layer, pass by pass, in the order in which layers run."""

    def __init__(self) -> None:
        self._spent: Dict[str, List[float]] = {}

    def report(self, layer: str, milliseconds: float) -> None:
        """Takes one layer's time in one pass."""
        self._spent.setdefault(layer, []).append(milliseconds)

    def as_json(self) -> str:
        """As `trtexec --exportProfile` writes it and `runtime profile` reads it."""
        passes = max(map(len, self._spent.values()), default=0)
        whole = sum(map(sum, self._spent.values()))
        entries: List[Dict[str, Any]] = [{"count": passes}]
        for layer, spent in self._spent.items():
            entries.append(
                {
                    "name": layer,
                    "timeMs": sum(spent),
                    "averageMs": sum(spent) / len(spent),
                    "medianMs": median(spent),
                    "percentage": 100 * sum(spent) / whole if whole else 0.0,
                }
            )
        return json.dumps(entries, indent=2) + "\n"


def profiler_for(trt: TensorRT, times: LayerTimes) -> object:
    """A profiler for `Execution.use_profiler`; the caller keeps it, TensorRT does not own it."""
    base = trt.IProfiler

    def begin(self: object) -> None:
        # The binding needs its own half made first.
        base.__init__(self)

    def report(_: object, layer_name: str, ms: float) -> None:
        times.report(layer_name, ms)

    return type("Profiler", (base,), {"__init__": begin, "report_layer_time": report})()
