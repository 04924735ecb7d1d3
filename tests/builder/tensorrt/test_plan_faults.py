"""Messages of TensorRT, CUDA and PyCUDA, and what the table makes of them."""

from __future__ import annotations

from pathlib import Path
from typing import Dict

import pytest

from runtime.inference.backends.tensorrt.errors import build_failed, explanation_of, notices_in
from runtime.inference.backends.tensorrt.known_messages import FAILURES, NOTICES, PLAN_TAGS, Symptom

MANUAL = Path(__file__).parent.parent.parent.parent / "docs/tensorrt.md"

# As they were logged by TensorRT-RTX here, or reported for the release in question.
MESSAGES: Dict[str, str] = {
    "cancelled": "Error Code 7: BuildCanceled (Build canceled by user In next at x.cpp:92)",
    "no-gpu": "Error Code 1: Cuda Runtime (cudaError 35: CUDA driver version is insufficient)",
    "not-onnx": "Assertion failed: model->ParseFromCodedStream: Failed to parse the ONNX model.",
    "empty-network": "Error Code 4: API Usage Error (Network must have at least one output.)",
    "unknown-operator": "[8] Assertion failed: creator && No importer registered for op: Einsam",
    "mixed-types": "conv: IConvolutionLayer `input` and `bias` must be of same type.",
    "integer-bias": "bias: input has type Int32 but must have type FP8, FP4, Int4, Int8, or UInt8.",
    "scale-not-positive": "Assertion failed: Scale coefficients must all be positive",
    "zero-point": "Assertion failed: This version of TensorRT requires 3 inputs for QuantizeLinear",
    "no-profile": "Network has dynamic inputs, but no optimization profile has been defined.",
    "out-of-memory": "2: [virtualMemoryBuffer.cpp::resize] Error Code 2: OutOfMemory (no details)",
    "both-sides-of-add": "2: [qdqGraphOptimizer.cpp] Error Code 2 (Assertion lhs.expr failed. )",
    "activation-per-channel": "(Assertion numScales == mGlobRefs.scale.count() failed. )",
    "marked-as-int8": "(Assertion !n->candidateRequirements.empty() failed. no supported formats)",
    "quantized-beside-float": "combineInOutScale (Assertion p.quantizations.isOutputSet(0))",
    "no-implementation": "Error Code 10: (Could not find any implementation for node a + b.)",
    "turing-matrices": "Cannot compile 'rows' for Turing (SM75): FP32 GEMM is not supported.",
    "nptype": "module 'numpy' has no attribute 'bool'.",
    "host-libraries": "libnvdla_runtime.so: undefined symbol: _ZN5nvdla8IProfile",
    "other-version": "Note: Current Version: 232, Serialized Engine Version: 213)",
    "other-library": "The plan file is not compatible, expecting library version 8.5 got 8.4",
    "not-this-plan": "1: [stdArchiveReader.cpp] Serialization (Magic tag does not match)",
    "other-architecture": "on an incompatible device, expecting compute 8.6 got compute 7.2,",
    "no-context": "explicit_context_dependent failed: invalid device context - no active context?",
    "context-left": "PyCUDA ERROR: The context stack was not empty upon module cleanup.",
    "freed-elsewhere": "device_allocation in out-of-thread context could not be cleaned up",
    "other-context": "1: [convolutionRunner.cpp] Error Code 1: Cuda Error 400 (invalid handle)",
    "capture": "operation not permitted when stream is capturing",
    "short-of-memory": "Tactic Device request: 527MB Available: 309MB. Device memory is low.",
    "timing-cache": "Engine was generated on another device, timing cache will not be used!",
    "other-model": "Using a plan file across different models of devices is not recommended",
    "lazy-loading": "CUDA lazy loading is not enabled. Enabling it can reduce memory usage.",
    "other-cudnn": "TensorRT was linked against cuDNN 8.6.0 but loaded cuDNN 8.4.1",
}


@pytest.mark.parametrize("row", [*FAILURES, *NOTICES], ids=lambda row: row.name)
def test_each_row_explains_its_message_and_no_other_row_takes_it(row: Symptom) -> None:
    message = MESSAGES[row.name]
    found = explanation_of([message]) if row in FAILURES else notices_in([message])[0]
    assert found is not None
    assert found.name == row.name
    assert "{" not in found.meaning + found.cure
    assert not found.meaning.endswith(".")
    assert not found.cure.endswith(".")


def test_no_message_explains_a_row_that_is_gone() -> None:
    assert set(MESSAGES) == {row.name for row in (*FAILURES, *NOTICES)}


def test_a_notice_alone_is_no_reason_to_fail() -> None:
    for row in NOTICES:
        assert explanation_of([MESSAGES[row.name]]) is None


def test_the_cause_is_told_before_its_consequence_whatever_came_first() -> None:
    lines = [MESSAGES["no-gpu"], MESSAGES["no-implementation"], MESSAGES["mixed-types"]]
    found = explanation_of(lines)
    assert found is not None
    assert found.name == "mixed-types"


def test_versions_nodes_and_architectures_are_named() -> None:
    told = {name: str(explanation_of([message])) for name, message in MESSAGES.items()}
    assert "213 (TensorRT 8.4), the TensorRT here reads 232 (TensorRT 8.5)" in told["other-version"]
    assert "computes a + b within" in told["no-implementation"]
    assert "capability 8.6, the GPU here has 7.2" in told["other-architecture"]
    assert "TensorRT 8.5, here is 8.4" in told["other-library"]
    assert PLAN_TAGS["232"] == "8.5"


def test_a_node_is_cut_from_newer_wording_too() -> None:
    found = explanation_of(
        ["(Could not find any implementation for node {Foreign[x]}. In f at o.c)"]
    )
    assert found is not None
    assert "computes {Foreign[x]} within" in found.meaning


def test_a_fault_quotes_the_last_lines_on_one_line_and_not_at_any_length() -> None:
    lines = [*(f"line {number}" for number in range(9)), "two\nlines " + "x" * 1000]
    fault = build_failed("it failed", [*lines, "ModelImporter.cpp:143: --- End node ---"], "Try")
    assert "line 6 / line 7 / line 8 / two lines xxx" in fault.problem
    assert "line 5" not in fault.problem
    assert "End node" not in fault.problem
    assert len(fault.problem) < 500
    assert fault.cure == "Try"


def test_the_manual_explains_every_row() -> None:
    manual = MANUAL.read_text(encoding="utf-8")
    for row in (*FAILURES, *NOTICES):
        assert f"`{row.name}`" in manual
