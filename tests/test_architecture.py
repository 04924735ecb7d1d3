"""Every source file keeps the rules of the house, and every rule notices a breach."""

from __future__ import annotations

import ast
import subprocess
import sys
from functools import lru_cache
from pathlib import Path
from typing import Dict, List

import pytest

from tests.house_rules import (
    HOUSE_RULES,
    TEST_RULES,
    Module,
    Rule,
    builds_downwards,
    imports_downwards,
    is_annotated,
    is_well_named,
    keeps_to_fences,
    leaves_decoding_to_one_place,
    leaves_the_environment_to_settings,
    lets_no_fault_vanish,
    prints_text_as_text,
    stays_small,
)

ROOT = Path(__file__).resolve().parent.parent
FACE_NAMES = {"__all__", "__version__"}
HEAVY = ("torch", "onnx", "tensorrt", "pycuda", "cv2", "openvino", "fastapi", "matplotlib")


@lru_cache(maxsize=None)
def modules(folder: str) -> Dict[Path, Module]:
    found = {}
    for path in sorted((ROOT / folder).rglob("*.py")):
        parts = path.relative_to(ROOT / folder).with_suffix("").parts
        name = ".".join(parts).replace(".__init__", "")
        found[path.relative_to(ROOT)] = Module(name, path.read_text(encoding="utf-8"))
    return found


def complaints(rule: Rule, folder: str) -> List[str]:
    return [f"{path}: {text}" for path, module in modules(folder).items() for text in rule(module)]


@pytest.mark.parametrize("rule", HOUSE_RULES, ids=lambda rule: rule.__name__)
def test_every_source_file(rule: Rule) -> None:
    assert complaints(rule, "runtime") == []


def is_a_name(step: ast.stmt) -> bool:
    """Whether a statement only says or hands on names: a docstring, an import, `__all__`."""
    if isinstance(step, ast.Assign):
        return all(isinstance(to, ast.Name) and to.id in FACE_NAMES for to in step.targets)
    return isinstance(step, (ast.Import, ast.ImportFrom, ast.Expr))


def test_the_face_of_a_package_only_hands_names_on() -> None:
    faces = [path for path in modules("runtime") if path.name == "__init__.py"]
    substance = [
        f"{path}: line {step.lineno}"
        for path in faces
        for step in ast.parse((ROOT / path).read_text(encoding="utf-8")).body
        if not is_a_name(step)
    ]
    assert len(faces) > 20
    assert substance == []


def test_the_listing_of_the_package_is_short() -> None:
    entries = {path.parts[1] for path in modules("runtime")}
    assert len(entries) <= 20


@pytest.mark.parametrize("rule", TEST_RULES, ids=lambda rule: rule.__name__)
def test_every_test_file(rule: Rule) -> None:
    assert complaints(rule, "tests") == []


@pytest.mark.parametrize(
    ("rule", "room", "text"),
    [
        (imports_downwards, "brand_new", "x = 1"),
        (imports_downwards, "image.frame", "from runtime.inference.engine import Engine"),
        (imports_downwards, "image.frame", "from runtime.device import machine"),
        (imports_downwards, "device.machine", "def f():\n    from runtime.image import codec"),
        (imports_downwards, "serving.api.streams", "from runtime.serving.streams.stream import S"),
        (imports_downwards, "serving.streams.stream", "from runtime.serving.api.app import app"),
        (imports_downwards, "serving.daemon", "import runtime.builder.export.export"),
        (imports_downwards, "builder.export", "from runtime.serving.worker import Worker"),
        (imports_downwards, "builder.export", "from runtime.cuda.device import CudaDevice"),
        (imports_downwards, "builder.training", "from runtime.experiments import table"),
        (imports_downwards, "client", "from runtime.errors import RuntimeFault"),
        (imports_downwards, "serving.api.app", "from .segment import router"),
        (builds_downwards, "builder.brand_new.module", "x = 1"),
        (builds_downwards, "builder.training.loop", "import runtime.builder.lottery.tickets"),
        (builds_downwards, "builder.data.dataset", "from runtime.builder import evaluation"),
        (builds_downwards, "builder.card", "from runtime.builder.training.plan import samples"),
        (builds_downwards, "builder.pruning.plan", "from runtime.builder.training import loop"),
        (builds_downwards, "builder.engine.recipe", "from runtime.builder.commands import train"),
        (keeps_to_fences, "inference.segmenter", "def f():\n    import torch.nn"),
        (keeps_to_fences, "inference.backends.fake", "from openvino import Core"),
        (keeps_to_fences, "inference.preprocess.reference", "import cv2"),
        (leaves_the_environment_to_settings, "serving.worker", "import os\nos.environ['A'] = 'b'"),
        (leaves_the_environment_to_settings, "serving.worker", "from os import getenv"),
        (leaves_decoding_to_one_place, "sources.images", "import cv2\ncv2.imread('a')"),
        (leaves_decoding_to_one_place, "builder.data.dataset", "cv2.imdecode(data, 1)"),
        (prints_text_as_text, "cli.inspect", "Console().print(name)"),
        (prints_text_as_text, "batch.progress", "rich.progress.TextColumn('{task}')"),
        (stays_small, "codec", "\n" * 301),
        (stays_small, "codec", "def f():\n" + "    x = 1\n" * 61),
        (stays_small, "codec", "def f(a, b, c, d, *e, f, **g): ..."),
        (is_annotated, "codec", "def f(a) -> int: ..."),
        (is_annotated, "codec", "class A:\n    def f(self): ..."),
        (lets_no_fault_vanish, "codec", "try: f()\nexcept ValueError: pass"),
        (lets_no_fault_vanish, "codec", "try: f()\nexcept Exception as e: log.error(e)"),
        (lets_no_fault_vanish, "codec", "try: f()\nexcept: x = 1"),
        (lets_no_fault_vanish, "codec", "with suppress(Exception): f()"),
        (is_well_named, "builder.utils", ""),
        (is_well_named, "cuda", "class A:\n    def __del__(self): ..."),
        (is_well_named, "cuda", "raise NotImplementedError"),
    ],
)
def test_each_rule_notices_a_breach(rule: Rule, room: str, text: str) -> None:
    assert list(rule(Module(room, text)))


@pytest.mark.parametrize(
    "text",
    [
        "try: f()\nexcept Exception: raise",
        "try: f()\nexcept Exception as error: future.set_exception(error)",
        "try: f()\nexcept FileNotFoundError: return_default()",
    ],
)
def test_a_fault_may_be_raised_again_handed_on_or_answered(text: str) -> None:
    assert list(lets_no_fault_vanish(Module("serving.worker", text))) == []


def test_the_command_line_starts_without_a_heavy_library() -> None:
    question = f"import runtime.cli.main, sys; print([m for m in {HEAVY!r} if m in sys.modules])"
    answer = subprocess.run(
        [sys.executable, "-c", question], cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True
    )
    assert answer.stdout.strip() == "[]"
