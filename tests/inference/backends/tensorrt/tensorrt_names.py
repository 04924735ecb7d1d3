"""The names of TensorRT that trt_api declares, read from its source."""

from __future__ import annotations

import ast
import inspect
from typing import Dict, Iterator, Set, Tuple

from runtime.inference.backends.tensorrt import api
from runtime.inference.backends.tensorrt.capabilities import SWITCHES

# Of the protocols, those that TensorRT has no class for, or that only its newest product has.
OURS = {"Named", "Enumeration", "TensorRT", "ComputeCapability"}
# The table lacks the base class of loggers; the binding has had it since 7.
UNLISTED = {"ILogger"}
# RTX alone has them; tests/builder/tensorrt/test_plan_rtx.py uses them for real.
RTX_ONLY = {
    ("IRuntimeConfig", "create_runtime_cache"),
    ("IRuntimeConfig", "set_runtime_cache"),
    ("IRuntimeConfig", "cuda_graph_strategy"),
    ("CudaGraphStrategy", "WHOLE_GRAPH_CAPTURE"),
    ("IBuilderConfig", "num_compute_capabilities"),
    ("IBuilderConfig", "set_compute_capability"),
}
GUARDED = {name for names in SWITCHES.values() for name in names}
PYTHON = {"__int__", "__buffer__", "__members__", "__name__", "__version__"}


def protocols() -> Dict[str, Set[str]]:
    """The names that each class in trt_api declares."""
    tree = ast.parse(inspect.getsource(api))
    found: Dict[str, Set[str]] = {}
    for node in tree.body:
        if isinstance(node, ast.ClassDef):
            methods = {s.name for s in node.body if isinstance(s, ast.FunctionDef)}
            fields = {
                s.target.id
                for s in node.body
                if isinstance(s, ast.AnnAssign) and isinstance(s.target, ast.Name)
            }
            found[node.name] = (methods | fields) - PYTHON
    return found


def unguarded() -> Iterator[Tuple[str, str]]:
    for kind, members in protocols().items():
        if kind not in OURS:
            yield from ((kind, member) for member in members if (kind, member) not in GUARDED)
