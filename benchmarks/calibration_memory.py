"""`python -m benchmarks.calibration_memory`: what calibrating holds in memory, image by image.

Each number of images runs in a process of its own, whose peak the kernel tells; weights and
images are random, as memory does not depend on them.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any, Dict, List, Tuple

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image
from rich.console import Console
from rich.table import Table

from runtime.repository.manifest import InputSpec

LIMIT = 6e9
KILOBYTE = 1024
CHILD = "--in-this-process"


def main() -> int:
    """Measures, prints the table and draws the curve; fails above the limit."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--encoder", default="resnet34")
    parser.add_argument("--size", nargs=2, type=int, default=(1024, 2048), metavar=("H", "W"))
    parser.add_argument("--images", nargs="+", type=int, default=(2, 6, 12), metavar="N")
    parser.add_argument("--plot", type=Path, default=Path("docs/images/calibration-memory.png"))
    parser.add_argument(CHILD, dest="child", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    size = (arguments.size[0], arguments.size[1])
    if arguments.child is not None:
        print(json.dumps(calibrated(arguments.child, arguments.images[0], size)))
        return 0
    with tempfile.TemporaryDirectory() as folder:
        prepare(Path(folder), arguments.encoder, size, max(arguments.images))
        found = {count: _in_a_process(Path(folder), count, size) for count in arguments.images}
    title = f"calibrating {arguments.encoder} at {size[0]}x{size[1]}"
    table = Table("images", "peak, GB", "at the end, GB", title=title)
    for count, measured in found.items():
        last = measured["resident"][-1]
        table.add_row(str(count), f"{measured['peak'] / 1e9:.2f}", f"{last / 1e9:.2f}")
    Console(width=100).print(table)
    draw(found, title, arguments.plot)
    return int(max(measured["peak"] for measured in found.values()) > LIMIT)


def prepare(folder: Path, encoder: str, size: Tuple[int, int], count: int) -> None:
    """Writes model.onnx with random weights, and random images."""
    from runtime.builder.export.export import onnx_from_model
    from runtime.builder.swiftnet import Architecture, SwiftNet

    network = SwiftNet(Architecture(encoder, classes=19)).eval()
    (folder / "model.onnx").write_bytes(onnx_from_model(network, *size).SerializeToString())
    for number in range(count):
        coarse = np.random.default_rng(number).integers(0, 256, (*(n // 16 for n in size), 3))
        image = np.kron(coarse, np.ones((16, 16, 1))).astype(np.uint8)
        Image.fromarray(image).save(folder / f"{number:02}.png", compress_level=1)


def calibrated(folder: Path, count: int, size: Tuple[int, int]) -> Dict[str, Any]:
    """Calibrates on the first `count` images; bytes at the peak and after every image."""
    import onnx

    from runtime.builder.quantization.calibrate import ranges_from_images

    spec = InputSpec(height=size[0], width=size[1], mean=(128, 128, 128), std=(64, 64, 64))
    images = sorted(folder.glob("*.png"))[:count]
    resident: List[int] = []
    ranges_from_images(
        onnx.load(str(folder / "model.onnx")), images, spec, lambda: resident.append(_resident())
    )
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * KILOBYTE
    return {"peak": peak, "resident": resident}


def _resident() -> int:
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGESIZE")


def _in_a_process(folder: Path, count: int, size: Tuple[int, int]) -> Dict[str, Any]:
    options = ["--images", str(count), "--size", *map(str, size), CHILD, str(folder)]
    command = [sys.executable, "-m", "benchmarks.calibration_memory", *options]
    measured: Dict[str, Any] = json.loads(subprocess.check_output(command))
    return measured


def draw(found: Dict[int, Dict[str, Any]], title: str, path: Path) -> None:
    """Resident memory after every image of both passes, and each run's peak."""
    figure = Figure(figsize=(7, 4), dpi=110, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    for count, measured in found.items():
        share = np.array(measured["resident"]) / 1e9
        (line,) = axes.plot(
            range(1, len(share) + 1), share, "o-", ms=3, label=f"{count} images, two passes"
        )
        axes.axhline(measured["peak"] / 1e9, color=line.get_color(), lw=0.8, ls=":")
    axes.axhline(LIMIT / 1e9, color="black", lw=1, ls="--")
    axes.text(1, LIMIT / 1e9 - 0.05, "limit", va="top")
    axes.set_ylim(0, 1.1 * LIMIT / 1e9)
    axes.set_xlabel("images seen")
    axes.set_ylabel("resident memory, GB (dotted: peak)")
    axes.set_title(title)
    axes.legend(loc="lower right")
    figure.savefig(path, format="png")


if __name__ == "__main__":
    sys.exit(main())
