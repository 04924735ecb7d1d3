"""The rules of the house: what may be said in which source file.

Who may import whom, which library belongs in which room, how large a file or function may grow, and
how errors are treated. Each rule reads a module's syntax tree and yields its complaints. A new
module is complained of until somebody has decided on its place in LAYERS.
"""

from __future__ import annotations

import ast
from dataclasses import dataclass
from functools import cached_property
from typing import Callable, Dict, Iterator, List, Optional, Tuple, Union

# A package imports from the rows above its own; what stands in one row knows nothing of each other.
LAYERS: Tuple[Tuple[str, ...], ...] = (
    ("names",),
    ("errors",),
    ("files", "image", "device", "console"),
    ("cuda", "repository"),
    ("inference", "sources"),
    ("serving", "batch", "diagnostics", "builder"),
    ("experiments",),
    ("cli",),
    ("__main__",),
)
# The same for the rooms of the builder: from a network and its images up to what commands do.
BUILDER_ROOMS: Tuple[Tuple[str, ...], ...] = (
    ("swiftnet", "figure", "progress", "step_cache"),
    ("data",),
    ("weights", "evaluation", "export"),
    ("checkpoint",),
    ("card", "training", "pruning", "quantization"),
    ("lottery", "tensorrt"),
    ("engine",),
    ("commands",),
)
# Narrower than the rows: inside a package, or where a row would allow more than the design does.
APART: Tuple[Tuple[str, str], ...] = (
    # The requests' side and the cameras' side meet in the worker and in the broadcast.
    ("serving.api", "serving.streams.stream"),
    ("serving.streams", "serving.api"),
    # What runs engines does not know who builds them, and the builder runs them as all others do.
    ("builder", "cuda"),
    ("builder", "sources"),
    # The one place that wires the daemon together is used by nothing but the command line.
    ("serving.api", "serving.daemon"),
    ("serving.streams", "serving.daemon"),
    # Preprocessing and postprocessing are swapped without a look at what computes the network.
    ("inference.preprocess", "inference.backends"),
    ("inference.postprocess", "inference.backends"),
)
ALONE = ("client",)  # can be copied out of the project
FENCES: Dict[str, Tuple[str, ...]] = {
    "torch": ("builder", "experiments"),
    "onnx": ("builder", "experiments"),
    "matplotlib": ("builder", "experiments"),
    "PIL": ("builder", "experiments"),
    "tensorboard": ("builder",),
    "tensorrt": ("inference.backends.tensorrt.library",),
    "pycuda": ("cuda.pycuda",),
    "openvino": (
        "inference.backends.openvino",
        "inference.backends.openvino_core",
        "builder",
        "experiments",
    ),
    "cv2": (
        "sources",
        "image",
        "batch.video_writer",
        "inference.preprocess.cpu",
        "inference.postprocess.cpu",
        "builder.data",
    ),
    "simplejpeg": ("image.jpeg_decoder",),
    "fastapi": ("serving.api",),
    "starlette": ("serving.api", "serving.http_server"),
    "uvicorn": ("serving.http_server", "serving.http_connection"),
    "prometheus_client": ("serving.metrics",),
}
FORBIDDEN_NAMES = {"utils", "util", "common", "misc", "core", "helpers"}
FORBIDDEN_METHODS = {"__del__"}
ENVIRONMENT = {"environ", "environb", "getenv", "putenv", "unsetenv"}
DECODING = {"imdecode", "imdecodemulti", "imread", "imreadmulti", "decode_jpeg"}
DECODERS = ("image.codec", "image.jpeg_decoder")
READING_MARKUP = {"Console", "TextColumn"}
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
    own = row_of(module.room, LAYERS)
    if own is None and module.room not in (*ALONE, "__init__"):
        yield f"{module.room} has no place in LAYERS"
        return
    for name in module.imports():
        if name.startswith("."):
            yield f"{name} is imported relative to its folder"
        elif name.startswith("runtime.") and name != "runtime.__version__":
            imported = name[len("runtime.") :]
            above = row_of(imported.split(".")[0], LAYERS)
            inside = imported.split(".")[0] == module.room
            if not inside and (own is None or above is None or above >= own):
                yield f"imports {name}"
            for one, other in APART:
                if within(module.name, (one,)) and within(imported, (other,)):
                    yield f"imports {name}: {one} stands apart from {other}"


def row_of(room: str, rows: Tuple[Tuple[str, ...], ...]) -> Optional[int]:
    """The position of a room's row; None for what has no place in any."""
    return next((at for at, row in enumerate(rows) if room in row), None)


def builds_downwards(module: Module) -> Iterator[str]:
    """As `imports_downwards`, between the rooms of the builder."""
    if module.room != "builder" or module.name == "builder":
        return
    room = module.name.split(".")[1]
    own = row_of(room, BUILDER_ROOMS)
    if own is None:
        yield f"{room} has no place in BUILDER_ROOMS"
        return
    for name in module.imports():
        if not name.startswith("runtime.builder."):
            continue
        other = name.split(".")[2]
        above = row_of(other, BUILDER_ROOMS)
        if other != room and (above is None or above >= own):
            yield f"imports {name}"


def keeps_to_fences(module: Module) -> Iterator[str]:
    for name in module.imports():
        fence = FENCES.get(name.split(".")[0])
        if fence is not None and not within(module.name, fence):
            yield f"imports {name}, which belongs in {', '.join(fence)}"


def leaves_the_environment_to_settings(module: Module) -> Iterator[str]:
    if module.name == "serving.settings":
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


def leaves_decoding_to_one_place(module: Module) -> Iterator[str]:
    """Decoders of one's own differ in what they let pass: see runtime.image.codec."""
    if not within(module.name, DECODERS):
        calls = (node for node in ast.walk(module.tree) if isinstance(node, ast.Call))
        yield from (f"line {c.lineno}: {called(c)}" for c in calls if called(c) in DECODING)


def prints_text_as_text(module: Module) -> Iterator[str]:
    """What rich's own would print of a name in brackets: see runtime.console."""
    if module.name != "console":
        calls = (node for node in ast.walk(module.tree) if isinstance(node, ast.Call))
        yield from (f"line {c.lineno}: {called(c)}" for c in calls if called(c) in READING_MARKUP)


Rule = Callable[[Module], Iterator[str]]
HOUSE_RULES: Tuple[Rule, ...] = (
    imports_downwards,
    builds_downwards,
    keeps_to_fences,
    leaves_the_environment_to_settings,
    leaves_decoding_to_one_place,
    prints_text_as_text,
    stays_small,
    is_annotated,
    lets_no_fault_vanish,
    is_well_named,
)
TEST_RULES: Tuple[Rule, ...] = (stays_small, is_annotated)
