"""Builds every graph of a folder with TensorRT-RTX and prints what came of it, as a table.

    python -m tests.backends.build_matrix FOLDER

Each plan is for all four architectures at once. The exit status tells whether all were built.
"""

from __future__ import annotations

import gzip
import sys
import time
from pathlib import Path
from typing import Any

from runtime.backends.plan import plan_from_onnx, tensorrt_module
from runtime.backends.plan_options import PlanOptions
from runtime.backends.trt_api import TensorRT
from runtime.errors import BuildFailed

ARCHITECTURES = ("7.5", "8.6", "8.9", "12.0")
HEADINGS = ("network", "precision", "layers", "activations", "plan", "seconds")


def row(rtx: TensorRT, path: Path) -> str:
    """One line of the table."""
    network, _, name = path.name.split(".")[0].rpartition("-")
    precision: Any = name
    options = PlanOptions(precision, compute_capabilities=ARCHITECTURES)
    begun = time.monotonic()
    plan = plan_from_onnx(gzip.decompress(path.read_bytes()), options, rtx)
    seconds = time.monotonic() - begun
    types = ", ".join(f"{count} {kind}" for kind, count in plan.facts["types"].items())
    size = f"{len(plan.content) / 1e6:.1f} MB"
    cells = (network, precision, str(plan.facts["layers"]), types, size, f"{seconds:.0f}")
    return f"| {' | '.join(cells)} |"


def main(folder: Path) -> int:
    rtx = tensorrt_module("tensorrt_rtx")
    failed = 0
    sys.stdout.write(f"| {' | '.join(HEADINGS)} |\n|{'---|' * len(HEADINGS)}\n")
    for path in sorted(folder.glob("*.onnx.gz")):
        try:
            line = row(rtx, path)
        except BuildFailed as fault:
            failed += 1
            line = f"| {path.name} | {fault} |"
        sys.stdout.write(f"{line}\n")
        sys.stdout.flush()
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
