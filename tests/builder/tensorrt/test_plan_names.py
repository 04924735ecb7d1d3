"""Every name of TensorRT that the project uses exists in every release, or is asked for first."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import Any, Iterator, Set

import pytest

from runtime.builder.tensorrt import dla, network
from runtime.builder.tensorrt.builder_config import WEAK_FLAGS
from runtime.inference.backends.tensorrt import capabilities
from runtime.inference.backends.tensorrt.capabilities import SWITCHES, capabilities_of
from tests.inference.backends.tensorrt.fake_tensorrt import BASES, RELEASES, FakeTensorRT
from tests.inference.backends.tensorrt.tensorrt_names import (
    GUARDED,
    PYTHON,
    RTX_ONLY,
    UNLISTED,
    protocols,
    unguarded,
)


def users() -> Iterator[Path]:
    """Every backend that says it works with TensorRT's objects, by importing their types."""
    rooms = (Path(network.__file__).parent, Path(capabilities.__file__).parent)
    for path in sorted(path for room in rooms for path in room.glob("*.py")):
        if "runtime.inference.backends.tensorrt.api" in path.read_text(encoding="utf-8"):
            yield path


USERS = tuple(users())


@pytest.mark.parametrize("release", RELEASES)
def test_a_name_that_no_switch_guards_exists_in_every_release(release: str) -> None:
    api = RELEASES[release]
    missing = [
        f"{kind}.{member}"
        for kind, member in unguarded()
        if member not in api[kind] + api.get(BASES.get(kind, ""), [])
    ]
    assert missing == []


@pytest.mark.parametrize("release", RELEASES)
def test_the_module_has_every_class_that_no_switch_guards(release: str) -> None:
    guarded = {"IProgressMonitor", "ComputeCapability"}
    guarded |= {"ExecutionContextAllocationStrategy", "CudaGraphStrategy"}
    assert protocols()["TensorRT"] - guarded - UNLISTED <= set(RELEASES[release])


def test_every_guarded_name_is_real_and_missing_somewhere() -> None:
    for owner, member in GUARDED - RTX_ONLY - {("ComputeCapability", "CURRENT")}:
        has = [member in api.get(owner, []) for api in RELEASES.values()]
        assert any(has), f"{owner}.{member} is in no release"
        assert not all(has), f"{owner}.{member} needs no switch"


def test_there_are_users_of_tensorrt_to_look_at() -> None:
    assert {"plan", "engine", "execution", "network"} <= {u.stem for u in USERS}


def test_layers_and_precisions_are_called_what_tensorrt_calls_them() -> None:
    layers = {network._RESIZE, network._CONSTANT, network._CONVOLUTION}
    layers |= {*network._QUANTIZERS, *dla._SCALE_KEEPING}
    layers |= {dla._ACTIVATION, dla._ELEMENTWISE, dla._CONSTANT}
    assert all(layers <= set(api["LayerType"]) for api in RELEASES.values())
    flags = {flag for names in WEAK_FLAGS.values() for flag in names}
    assert flags == {member for _, member in SWITCHES["weak_typing"]}


@pytest.mark.parametrize(
    ("release", "lacks", "has"),
    [
        (
            "8.5",
            {
                *("strong_typing", "optimization_level", "progress", "node_names"),
                *("memory_size_v2", "shared_profiles", "managed_memory"),
            },
            "weak_typing",
        ),
        (
            "8.6",
            {
                *("strong_typing", "progress", "node_names"),
                *("memory_size_v2", "shared_profiles", "managed_memory"),
            },
            "memory_size",
        ),
        ("10.3", set(), "managed_memory"),
        ("10.13", set(), "strong_typing"),
        (
            "11.0",
            {"weak_typing", "explicit_batch", "dynamic_ranges", "memory_size"},
            "strong_typing",
        ),
        ("11.1", {"weak_typing", "explicit_batch", "dynamic_ranges", "memory_size"}, "progress"),
    ],
)
def test_capabilities_of_each_release(release: str, lacks: Set[str], has: str) -> None:
    trt: Any = FakeTensorRT(release)
    capabilities = capabilities_of(trt)
    missing = {name for name in SWITCHES if not getattr(capabilities, name)}
    assert missing == lacks | {"ahead_of_time", "runtime_cache", "cuda_graphs"}
    assert getattr(capabilities, has)


def attributes_of_tensorrt(source: Path) -> Iterator[str]:
    """Attributes that a module's source takes from names that hold TensorRT's objects."""
    holders = {"trt", "module", "_trt", "_config", "_builder", "builder", "parser", "network"}
    holders |= {"layer", "resize", "tensor", "error", "profile", "cache"}
    holders |= {"engine", "inspector", "_engine", "_context"}
    for node in ast.walk(ast.parse(source.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Attribute):
            holder = getattr(node.value, "id", getattr(node.value, "attr", ""))
            if holder in holders:
                yield node.attr


def test_what_is_declared_is_used_on_the_published_types_too() -> None:
    source = (Path(__file__).parent / "typed_by_stubs.py").read_text(encoding="utf-8")
    used = {n.attr for n in ast.walk(ast.parse(source)) if isinstance(n, ast.Attribute)}
    of_rtx = {member for owner, member in RTX_ONLY} | {"ComputeCapability", "CudaGraphStrategy"}
    declared = set().union(*(names for owner, names in protocols().items() if owner != "Named"))
    # It has a setter alone, which the generated stubs leave out.
    assert declared - of_rtx - used == {"device_memory"}


@pytest.mark.parametrize("user", USERS, ids=lambda path: path.stem)
def test_no_name_is_used_that_the_protocols_do_not_list(user: Path) -> None:
    declared = set().union(*protocols().values()) | PYTHON
    declared |= {"__class__", "name", "dtype", "shape"}
    assert set(attributes_of_tensorrt(user)) - declared == set()


def test_flags_are_never_numbers() -> None:
    for path in (*USERS, Path(capabilities.__file__)):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.BinOp) and isinstance(node.op, ast.LShift):
                assert not isinstance(node.right, ast.Constant), f"{path.name}:{node.lineno}"
