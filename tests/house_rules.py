"""The rules of the house: what may be said in which source file.

Who may import whom, which library belongs in which room, how large a file or function may grow, and
how errors are treated. Each rule reads a module's syntax tree and yields its complaints. A new
module is complained of until somebody has decided on its place in LAYERS.
"""

from __future__ import annotations

import ast
from dataclasses import dataclass
from functools import cached_property
from typing import Callable, Dict, Iterator, List, Tuple, Union

# A module imports from the rows above its own and, within its row, from the names to its left.
LAYERS: Tuple[Tuple[str, ...], ...] = (
    # Values and algorithms: the standard library, NumPy and pydantic.
    (
        "errors",
        "complaint",
        "toml_file",
        "whole_file",
        "cuda_driver",
        "machine",
        "yuv",
        "frame",
        "labels",
        "mailbox",
        "sequencer",
        "signals",
        "telemetry",
        "turns",
        "pace",
        "bilinear",
        "area",
    ),
    ("config", "manifest", "geometry"),
    # Pictures and masks as bytes, artefacts on disk, numbers about the process and the device.
    (
        *("repository", "inspection", "metrics", "jetson", "kernels"),
        *("cuda_api", "cuda_context", "cuda_faults", "cuda_streams", "cuda"),
    ),
    ("picture_header", "png", "codec", "nv12", "masks", "formats", "result"),
    # What can be swapped, and the core that puts it together.
    ("sources", "preprocess", "postprocess", "backends"),
    ("segmenter",),
    # Who gets the engine next, and what becomes of the answers.
    ("request_queue", "worker", "health", "inbox", "status", "broadcast", "offline"),
    ("stream", "api"),
    ("http_server", "daemon", "doctor"),
    ("builder",),
    ("cli",),
    ("__main__",),
)
ORDER = [room for row in LAYERS for room in row]
# Narrower than the rows: the camera's side and the requests' side meet in worker and broadcast, the
# builder knows nothing of serving, and the client can be copied out of the project.
SEES_ONLY: Dict[str, List[str]] = {
    "api": [room for row in LAYERS[:7] for room in row],
    "builder": [room for row in LAYERS[:6] for room in row],
    "client": [],
}
FENCES: Dict[str, Tuple[str, ...]] = {
    "torch": ("builder",),
    "onnx": ("builder",),
    "matplotlib": ("builder",),
    "PIL": ("builder",),
    "tensorboard": ("builder",),
    "tensorrt": ("backends.tensorrt", "backends.plan"),
    "pycuda": ("cuda_api",),
    "openvino": ("backends.openvino", "backends.openvino_core", "builder"),
    "cv2": (
        "sources",
        "masks",
        "codec",
        "nv12",
        "offline.video_writer",
        "preprocess.cpu",
        "postprocess.cpu",
        "builder.dataset",
    ),
    "fastapi": ("api",),
    "starlette": ("api", "http_server"),
    "uvicorn": ("http_server",),
    "prometheus_client": ("metrics", "jetson"),
}
FORBIDDEN_NAMES = {"utils", "util", "common", "misc", "core", "helpers"}
FORBIDDEN_METHODS = {"__del__"}
ENVIRONMENT = {"environ", "environb", "getenv", "putenv", "unsetenv"}
LOGGING = {"debug", "info", "warning", "error", "exception", "critical", "log", "print"}
MAX_FILE_LINES, MAX_FUNCTION_LINES, MAX_PARAMETERS = 300, 60, 6

Function = Union[ast.FunctionDef, ast.AsyncFunctionDef]


@dataclass(frozen=True)
class Module:
    """A source file: its dotted name below the package, its text and its syntax tree."""

    name: str
    text: str

    @property
    def room(self) -> str:
        return self.name.split(".")[0]

    @cached_property
    def tree(self) -> ast.Module:
        return ast.parse(self.text, self.name)

    def functions(self) -> Iterator[Function]:
        for node in ast.walk(self.tree):
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
                yield node

    def imports(self) -> Iterator[str]:
        """Dotted names of everything imported, at the top or inside functions."""
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Import):
                yield from (alias.name for alias in node.names)
            elif isinstance(node, ast.ImportFrom):
                yield from (f"{'.' * node.level}{node.module}.{a.name}" for a in node.names)


def within(name: str, rooms: Tuple[str, ...]) -> bool:
    return any(name == room or name.startswith(room + ".") for room in rooms)


def imports_downwards(module: Module) -> Iterator[str]:
    if module.name == "__init__":
        allowed: List[str] = []
    elif module.room in SEES_ONLY:
        allowed = SEES_ONLY[module.room]
    elif module.room in ORDER:
        allowed = ORDER[: ORDER.index(module.room)]
    else:
        yield f"{module.room} has no place in LAYERS"
        return
    for name in module.imports():
        if name.startswith("."):
            yield f"{name} is imported relative to its folder"
        elif name.startswith("runtime."):
            room = name.split(".")[1]
            if room not in (*allowed, module.room, "__version__"):
                yield f"imports {name}"


def keeps_to_fences(module: Module) -> Iterator[str]:
    for name in module.imports():
        fence = FENCES.get(name.split(".")[0])
        if fence is not None and not within(module.name, fence):
            yield f"imports {name}, which belongs in {', '.join(fence)}"


def leaves_the_environment_to_config(module: Module) -> Iterator[str]:
    if module.room == "config":
        return
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Attribute) and node.attr in ENVIRONMENT:
            yield f"line {node.lineno}: os.{node.attr}"
    yield from (name for name in module.imports() if name in {f"os.{e}" for e in ENVIRONMENT})


def stays_small(module: Module) -> Iterator[str]:
    lines = len(module.text.splitlines())
    if lines > MAX_FILE_LINES:
        yield f"{lines} lines"
    for function in module.functions():
        docstring = function.body[0] if ast.get_docstring(function) else None
        first = (docstring.end_lineno or 0) if docstring else function.lineno - 1
        length = (function.end_lineno or 0) - first
        if length > MAX_FUNCTION_LINES:
            yield f"{function.name} has {length} lines"
        parameters = [p for p in all_parameters(function) if p.arg not in ("self", "cls")]
        if len(parameters) > MAX_PARAMETERS:
            yield f"{function.name} has {len(parameters)} parameters"


def all_parameters(function: Function) -> List[ast.arg]:
    a = function.args
    variadic = [p for p in (a.vararg, a.kwarg) if p is not None]
    return [*a.posonlyargs, *a.args, *a.kwonlyargs, *variadic]


def is_annotated(module: Module) -> Iterator[str]:
    for function in module.functions():
        bare = [p.arg for p in all_parameters(function) if p.annotation is None]
        if set(bare) - {"self", "cls"} or function.returns is None:
            yield f"line {function.lineno}: {function.name}"


def lets_no_fault_vanish(module: Module) -> Iterator[str]:
    for node in ast.walk(module.tree):
        if isinstance(node, ast.ExceptHandler):
            if all(isinstance(step, ast.Pass) for step in node.body):
                yield f"line {node.lineno}: except ... pass"
            elif is_broad(node.type) and not hands_on(node):
                yield f"line {node.lineno}: a broad except that neither raises nor hands on"
        elif (
            isinstance(node, ast.Call)
            and called(node) == "suppress"
            and any(map(is_broad, node.args))
        ):
            yield f"line {node.lineno}: suppress of every exception"


def is_broad(caught: Union[ast.expr, None]) -> bool:
    kinds = caught.elts if isinstance(caught, ast.Tuple) else [caught]
    names = {kind.id for kind in kinds if isinstance(kind, ast.Name)}
    return caught is None or bool(names & {"Exception", "BaseException"})


def hands_on(handler: ast.ExceptHandler) -> bool:
    """Whether the handler raises, or passes the exception to something other than a log."""
    for node in ast.walk(handler):
        if isinstance(node, ast.Raise):
            return True
        if isinstance(node, ast.Call) and called(node) not in LOGGING:
            given = [*node.args, *(keyword.value for keyword in node.keywords)]
            if any(isinstance(item, ast.Name) and item.id == handler.name for item in given):
                return True
    return False


def called(call: ast.Call) -> str:
    return getattr(call.func, "attr", getattr(call.func, "id", ""))


def is_well_named(module: Module) -> Iterator[str]:
    yield from sorted(FORBIDDEN_NAMES & set(module.name.split(".")))
    yield from (f.name for f in module.functions() if f.name in FORBIDDEN_METHODS)
    if "NotImplementedError" in module.text:
        yield "NotImplementedError: abstract things are Protocols or ABCs, unfinished ones wait"


Rule = Callable[[Module], Iterator[str]]
HOUSE_RULES: Tuple[Rule, ...] = (
    imports_downwards,
    keeps_to_fences,
    leaves_the_environment_to_config,
    stays_small,
    is_annotated,
    lets_no_fault_vanish,
    is_well_named,
)
TEST_RULES: Tuple[Rule, ...] = (stays_small, is_annotated)
