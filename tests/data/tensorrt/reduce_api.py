"""Reduces a table of TensorRT's Python API by release to what the project's tests ask of it.

    python -m tests.data.tensorrt.reduce_api FULL_TABLE

The full table (release -> class -> members) was gathered from the binding's sources in NVIDIA's
public repository at each release's tag; `<module>` stands for functions of the module.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

RELEASES = {
    "8.5": "8.5.2",
    "8.6": "v8.6.1",
    "10.3": "v10.3.0",
    "10.13": "v10.13.0",
    "11.0": "v11.0",
    "11.1": "v11.1",
}
CLASSES = (
    "Builder",
    "BuilderFlag",
    "DataType",
    "DeviceType",
    "EngineInspector",
    "ExecutionContextAllocationStrategy",
    "IBuilderConfig",
    "ICudaEngine",
    "IExecutionContext",
    "IHostMemory",
    "ILayer",
    "INetworkDefinition",
    "IOptimizationProfile",
    "IProfiler",
    "IProgressMonitor",
    "IResizeLayer",
    "IRuntimeConfig",
    "ITensor",
    "ITimingCache",
    "LayerInformationFormat",
    "LayerType",
    "MemoryPoolType",
    "NetworkDefinitionCreationFlag",
    "OnnxParser",
    "ParserError",
    "ProfilingVerbosity",
    "Runtime",
    "Severity",
    "TensorFormat",
    "TensorIOMode",
    "TensorLocation",
)


def main(source: Path) -> None:
    """Writes the smaller table beside this script."""
    full = json.loads(source.read_text(encoding="utf-8"))
    small = {
        release: {name: full[tag][name] for name in CLASSES if name in full[tag]}
        for release, tag in RELEASES.items()
    }
    target = Path(__file__).with_name("api_by_release.json")
    target.write_text(json.dumps(small, separators=(",", ":")) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
