"""Builds every graph of a folder with TensorRT-RTX and tells what came of it, as a table.

    python -m tests.builder.tensorrt.build_matrix FOLDER [--write PAGE]

Each plan is for all four architectures at once. With --write the table takes the place of the one
between the marks in a page. The exit status tells whether all were built.
"""

from __future__ import annotations

import gzip
import sys
import time
from pathlib import Path
from typing import Any, List, Optional, Tuple

from runtime.builder.tensorrt.options import PlanOptions
from runtime.builder.tensorrt.plan import plan_from_onnx
from runtime.errors import BuildFailed
from runtime.inference.backends.tensorrt.api import TensorRT
from runtime.inference.backends.tensorrt.library import tensorrt_module

ARCHITECTURES = ("7.5", "8.6", "8.9", "12.0")
HEADINGS = ("network", "precision", "layers", "activations", "plan", "seconds")
BEGIN, END = "<!-- build matrix -->\n", "<!-- end of build matrix -->\n"


def row(rtx: TensorRT, path: Path) -> str:
    """One line of the table; seconds of one core, whatever else the machine does."""
    network, _, name = path.name.split(".")[0].rpartition("-")
    precision: Any = name
    options = PlanOptions(precision, compute_capabilities=ARCHITECTURES)
    begun = time.process_time()
    plan = plan_from_onnx(gzip.decompress(path.read_bytes()), options, rtx)
    seconds = time.process_time() - begun
    types = ", ".join(f"{count} {kind}" for kind, count in plan.facts["types"].items())
    size = f"{len(plan.content) / 1e6:.1f} MB"
    cells = (network, precision, str(plan.facts["layers"]), types, size, f"{seconds:.1f}")
    return f"| {' | '.join(cells)} |"


def outcome(rtx: TensorRT, path: Path) -> Tuple[bool, str]:
    """Whether a graph was built, and its line."""
    try:
        return True, row(rtx, path)
    except BuildFailed as fault:
        return False, f"| {path.name} | {fault} |"


def summary(version: str, built: int, failed: int) -> str:
    """What stands above the table."""
    count = f"All {built} plans were" if not failed else f"{built} of {built + failed} plans were"
    targets = f"{', '.join(ARCHITECTURES[:-1])} and {ARCHITECTURES[-1]}"
    return (
        f"{count} built by TensorRT-RTX {version}, each for compute capabilities {targets} at "
        "once, without a GPU. Seconds are those of one core.\n"
    )


def replaced(page: str, text: str) -> str:
    """A page with another text between its marks."""
    before, _, rest = page.partition(BEGIN)
    _, _, after = rest.partition(END)
    if not rest or END not in rest:
        raise ValueError(f"the page has no place for the table, between {BEGIN!r} and {END!r}")
    return f"{before}{BEGIN}\n{text}\n{END}{after}"


def main(folder: Path, page: Optional[Path]) -> int:
    rtx = tensorrt_module("tensorrt_rtx")
    lines: List[str] = [f"| {' | '.join(HEADINGS)} |", f"|{'---|' * len(HEADINGS)}"]
    outcomes: List[bool] = []
    for path in sorted(folder.glob("*.onnx.gz")):
        built, line = outcome(rtx, path)
        outcomes.append(built)
        lines.append(line)
        sys.stdout.write(f"{line}\n")
        sys.stdout.flush()
    failed = outcomes.count(False)
    if page is not None and outcomes:
        told = summary(rtx.__version__, outcomes.count(True), failed)
        text = "\n".join([told, *lines, ""])
        page.write_text(replaced(page.read_text(encoding="utf-8"), text), encoding="utf-8")
    return 1 if failed or not outcomes else 0


if __name__ == "__main__":
    target = Path(sys.argv[3]) if sys.argv[2:3] == ["--write"] else None
    sys.exit(main(Path(sys.argv[1]), target))
