"""What TensorRT's messages mean and what to do about them: a table of data.

The messages are those of TensorRT 8.5 to 11, TensorRT-RTX, CUDA and PyCUDA. Rows stand in the order
in which they are tried: causes above the consequences that are logged after them.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Optional, Tuple

# NVIDIA names its plan formats nowhere; these numbers were seen in logs of those releases.
PLAN_TAGS = {
    "205": "8.2",
    "213": "8.4",
    "232": "8.5",
    "236": "8.6",
    "237": "10.0 or 10.1",
    "239": "a later 10",
}


@dataclass(frozen=True)
class Symptom:
    """One row: how a fault shows, what it means, what cures it.

    Attributes:
        name: for tests and the manual.
        pattern: regular expression, case ignored; its named groups fill the two sentences.
        meaning: a clause without a full stop.
        cure: likewise.
    """

    name: str
    pattern: str
    meaning: str
    cure: str

    def explain(self, line: str) -> Optional[Explanation]:
        """What a line of the log means by this row; None where it does not match."""
        match = re.search(self.pattern, line, re.IGNORECASE)
        if match is None:
            return None
        words = {group: _translated(group, text) for group, text in match.groupdict().items()}
        return Explanation(self.name, self.meaning.format(**words), self.cure.format(**words))


@dataclass(frozen=True)
class Explanation:
    """A symptom found in a log, in words."""

    name: str
    meaning: str
    cure: str


def _translated(group: str, text: Optional[str]) -> str:
    word = (text or "").strip(" .,;)'\"")
    if group.endswith("_tag") and word in PLAN_TAGS:
        return f"{word} (TensorRT {PLAN_TAGS[word]})"
    return word


_REBUILD = "Build the plan here from its ONNX file, with `runtime build-engine`"
_FREE_MEMORY = (
    "Stop the desktop and other programs, add swap, and limit the workspace to 1 or 2 GiB"
)
_PRIMARY = (
    "Use the device's primary context everywhere: retain it once, push it in each thread that "
    "calls CUDA, and pop it in a `finally`"
)

BUILDING: Tuple[Symptom, ...] = (
    Symptom(
        "cancelled",
        r"BuildCancell?ed|canceled by user",
        "the build was cancelled",
        "Start it again to build the plan",
    ),
    Symptom(
        "not-onnx",
        r"Failed to parse the ONNX model|MODEL_DESERIALIZE_FAILED",
        "the file is not ONNX, or was cut short",
        "Copy it again, or write it anew with `runtime build-engine`",
    ),
    Symptom(
        "empty-network",
        r"must have at least one output",
        "the file holds no graph with outputs",
        "Copy it again, or write it anew with `runtime build-engine`",
    ),
    Symptom(
        "unknown-operator",
        r"No importer registered for op:|could not find plugin|Plugin not found",
        "this release does not know an operator of the graph",
        "Export with opset 17 or lower and standard operators; the linter names the node",
    ),
    Symptom(
        "mixed-types",
        r"must (be of|have) (the )?same type|types? must match",
        "the graph mixes float types, which strong typing does not convert",
        "Take the builder's FP16 twin, whose weights, biases and scales are all FP16",
    ),
    Symptom(
        "integer-bias",
        r"has type Int32 but must have type",
        "an INT32 tensor is dequantized, as some exporters write biases",
        "Keep biases in float",
    ),
    Symptom(
        "scale-not-positive",
        r"Scale coefficients must all be positive",
        "a quantization scale is zero or below, or too small for FP16",
        "Quantize again with the project's builder, which keeps scales above 1e-7",
    ),
    Symptom(
        "zero-point",
        r"requires 3 inputs|zero.?point.*(INT8|zero)",
        "a QuantizeLinear or DequantizeLinear has no INT8 zero point of 0",
        "Quantize symmetrically and write the zero point; the linter names the node",
    ),
    Symptom(
        "no-profile",
        r"no optimization profile has been defined",
        "an input's size is open and no range was given",
        "Name the smallest, usual and largest batch, or export with fixed sizes",
    ),
    Symptom(
        "out-of-memory",
        r"Error Code 2: OutOfMemory|Error Code 2: Out ?Of ?Memory|cudaErrorMemoryAllocation",
        "memory ran out",
        _FREE_MEMORY,
    ),
    Symptom(
        "both-sides-of-add",
        r"Assertion lhs\.expr failed",
        "both inputs of an addition are quantized, which TensorRT 8 cannot build",
        "Quantize the identity side alone; the linter names the node",
    ),
    Symptom(
        "activation-per-channel",
        r"numScales == \w+\.scale\.count",
        "an activation has a scale per channel",
        "Give activations one scale each",
    ),
    Symptom(
        "marked-as-int8",
        r"candidateRequirements\.empty\(\)",
        "an operation without an INT8 form stands between quantizers, which TensorRT 8 trips over",
        "Name the operation of the log in the recipe's keep_float",
    ),
    Symptom(
        "quantized-beside-float",
        r"combineInOutScale|isOutputSet\(0\)",
        "TensorRT 8.5 cannot join the scales around a quantized operation with float readers",
        "Find the operation by naming some in the recipe's keep_float, the log's last ones first",
    ),
    Symptom(
        "no-implementation",
        r"Could not find any implementation for node (?P<node>.+?)(\. In |\.?\)*$)",
        "no kernel computes {node} within the workspace and the precision",
        "Try a larger workspace; if that does not help, name the operation in the recipe's "
        "keep_float",
    ),
    Symptom(
        "turing-matrices",
        r"for Turing.*FP32 GEMM is not supported",
        "TensorRT-RTX multiplies no FP32 matrices on compute capability 7.5, and pooling into "
        "unequal regions needs them",
        "Build FP16 or INT8, or take an input size that pools evenly, such as 1024 x 2048",
    ),
    Symptom(
        "nptype",
        r"module 'numpy' has no attribute 'bool'",
        "TensorRT 8.5 names a type that NumPy 1.24 removed",
        "Install numpy<1.24",
    ),
    Symptom(
        "host-libraries",
        r"undefined symbol: _ZN5nvdla|libnvdla_compiler\.so",
        "the image is for another L4T release than the host, or lacks the host's libraries",
        "Start it with `--runtime nvidia`, from an image of the host's L4T major release",
    ),
    # Without a GPU TensorRT-RTX says so beside every other fault, so this comes last.
    Symptom(
        "no-gpu",
        r"cudaError 35\b|error: ?(35|100)\b|driver version is insufficient|no CUDA-capable device",
        "CUDA finds no GPU, or a driver older than itself",
        "In a container start it with `--runtime nvidia`; elsewhere update the driver. "
        "`runtime version` says what can run here",
    ),
)

LOADING: Tuple[Symptom, ...] = (
    Symptom(
        "other-version",
        r"Current Version: (?P<here_tag>\d+), Serialized Engine Version: (?P<there_tag>\d+)",
        "the plan has format {there_tag}, the TensorRT here reads {here_tag}",
        _REBUILD,
    ),
    Symptom(
        "other-library",
        r"expecting library version (?P<there>\S+) got (?P<here>\S+)",
        "the plan was built by TensorRT {there}, here is {here}",
        _REBUILD,
    ),
    Symptom(
        "not-this-plan",
        r"Version tag does not match|VersionRead ==|Magic tag does not match",
        "the file is no plan, or one of another TensorRT",
        _REBUILD,
    ),
    Symptom(
        "other-architecture",
        r"incompatible device, expecting compute (?P<there>\S+) got compute (?P<here>[\d.]+)",
        "the plan is for compute capability {there}, the GPU here has {here}",
        _REBUILD,
    ),
)

RUNNING: Tuple[Symptom, ...] = (
    Symptom(
        "no-context",
        r"invalid device context",
        "no CUDA context is current in this thread",
        _PRIMARY,
    ),
    Symptom(
        "context-left",
        r"context stack was not empty upon module cleanup",
        "a thread or the process ended with its CUDA context pushed, for which PyCUDA aborts",
        _PRIMARY,
    ),
    Symptom(
        "freed-elsewhere",
        r"in out-of-thread context could not be cleaned up",
        "a buffer was freed in a thread where its context is not current, and leaks",
        "Free it on the thread that owns the device",
    ),
    Symptom(
        "other-context",
        r"invalid resource handle|Cuda Error.*\b(400|700|77)\b|illegal memory access",
        "an engine, a stream or a buffer of one CUDA context was used under another",
        _PRIMARY,
    ),
    Symptom(
        "capture",
        r"operation not permitted when stream is capturing",
        "a CUDA graph was captured before the engine ran once",
        "Run the engine once first; leave CUDA graphs off on TensorRT 8.5",
    ),
)

# Said by builds and engines that work: worth a line to the user, never a failure.
NOTICES: Tuple[Symptom, ...] = (
    Symptom(
        "short-of-memory",
        r"Tactic Device request|insufficient memory|Requested amount of GPU memory",
        "some kernels were left out because memory is short",
        _FREE_MEMORY,
    ),
    Symptom(
        "timing-cache",
        r"timing cache will not be used",
        "the timing cache is of another TensorRT or GPU",
        "Nothing needs doing: a new one is begun",
    ),
    Symptom(
        "other-model",
        r"across different models of devices is not recommended",
        "the plan was built on another model of the same architecture",
        "Build it on this device for full speed",
    ),
    Symptom(
        "lazy-loading",
        r"lazy loading is not enabled",
        "CUDA loads all its kernels at once, which costs memory",
        "With CUDA 11.7 or later set CUDA_MODULE_LOADING=LAZY; earlier ones cannot",
    ),
    Symptom(
        "other-cudnn",
        r"linked against cuDNN (?P<wanted>\S+) but loaded cuDNN (?P<found>\S+)",
        "TensorRT was made for cuDNN {wanted} and found {found}",
        "Install the cuDNN that came with this TensorRT",
    ),
)
FAILURES = BUILDING + LOADING + RUNNING
