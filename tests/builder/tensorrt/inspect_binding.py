"""Imports one real binding of TensorRT and prints what the project finds in it, as JSON.

    python -m tests.builder.tensorrt.inspect_binding BINDING.so

There is nothing behind the binding: its libraries are stubs, every function of which answers null.
"""

from __future__ import annotations

import importlib.util
import json
import sys
from dataclasses import asdict
from typing import Any, List

from runtime.builder.tensorrt.options import PlanOptions
from runtime.builder.tensorrt.plan import plan_from_onnx
from runtime.builder.tensorrt.progress import PARTS, BuildProgress, monitor_of
from runtime.errors import BuildFailed
from runtime.inference.backends.tensorrt.capabilities import capabilities_of
from runtime.inference.backends.tensorrt.log import listening
from tests.inference.backends.tensorrt.tensorrt_names import protocols, unguarded


def imported(path: str) -> Any:
    spec = importlib.util.spec_from_file_location("tensorrt", path)
    assert spec is not None
    assert spec.loader is not None
    module: Any = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    # The package around the binding sets this.
    module.__version__ = "0"
    return module


def logged(module: Any) -> str:
    with listening(module) as (logger, tail):
        talker: Any = logger
        talker.log(module.ILogger.Severity.ERROR, "heard")
        return tail.text


def followed(module: Any) -> int:
    parts: List[int] = []
    monitor: Any = monitor_of(module, BuildProgress(lambda: parts.append(1)))
    monitor.phase_start("build", None, 2)
    assert monitor.step_complete("build", 1)
    monitor.phase_finish("build")
    return len(parts)


def refusal(module: Any) -> str:
    try:
        plan_from_onnx(b"", PlanOptions(), module)
    except BuildFailed as fault:
        return fault.problem
    return "built"


def main(path: str) -> None:
    module = imported(path)
    capabilities = capabilities_of(module)
    flags = module.NetworkDefinitionCreationFlag.__members__
    found = {
        "capabilities": asdict(capabilities),
        "missing": [f"{k}.{m}" for k, m in unguarded() if not hasattr(getattr(module, k, None), m)],
        "absent": sorted(n for n in protocols()["TensorRT"] if not hasattr(module, n)),
        "flags": {name: int(flag) for name, flag in flags.items()},
        "log": logged(module),
        "progress": followed(module) if capabilities.progress else PARTS,
        "refusal": refusal(module),
    }
    sys.stdout.write(json.dumps(found))


if __name__ == "__main__":
    main(sys.argv[1])
