"""Makes the small graphs that TensorRT-RTX parses and builds in tests.

    python -m tests.data.tensorrt.make_graphs [--all FOLDER]

The cases of the stored ones cover every pair of encoder, variant, stride, widths, precision and
GPU. With --all it writes instead, into a folder, all choices but that of the GPU, and the full
ResNet-34 pyramid at 1024 x 2048: for tests.builder.tensorrt.build_matrix. Weights are coarse
numbers, which a compressed file holds in a few bits each.
"""

from __future__ import annotations

import gzip
import itertools
import json
import sys
from pathlib import Path
from typing import Dict, Iterator, List, Set, Tuple

import onnx
import torch
from torch import nn

from runtime.builder.export.export import onnx_from_model
from runtime.builder.export.fp16 import half_from_float
from runtime.builder.export.lint import require_importable
from runtime.builder.export.onnx_graph import OnnxGraph
from runtime.builder.quantization.qdq_placement import (
    EVERYTHING,
    QuantizationOptions,
    placement_for,
)
from runtime.builder.quantization.quantize import int8_from_float
from runtime.builder.swiftnet import Architecture, SwiftNet, Widths

HERE = Path(__file__).parent
HEIGHT, WIDTH = 256, 512
FULL_SIZE = (1024, 2048)
FACTORS: Dict[str, Tuple[str, ...]] = {
    "encoder": ("resnet18", "resnet34", "mobilenet_v2"),
    "variant": ("single", "pyramid"),
    "output_stride": ("8", "4"),
    "widths": ("aligned", "unaligned"),
    "precision": ("fp32", "fp16", "int8"),
    "compute_capability": ("7.5", "8.6", "8.9", "12.0"),
}
Case = Tuple[str, ...]


def pairs_of(case: Case) -> Set[Tuple[int, str, int, str]]:
    """Every two of a case's choices."""
    numbered = itertools.combinations(enumerate(case), 2)
    return {(i, a, j, b) for (i, a), (j, b) in numbered}


def pairwise() -> Iterator[Case]:
    """Cases that together hold every pair of choices, each time the one with the most new pairs."""
    every = list(itertools.product(*FACTORS.values()))
    missing = set().union(*map(pairs_of, every))
    while missing:
        best = max(every, key=lambda case: len(pairs_of(case) & missing))
        missing -= pairs_of(best)
        yield best


def coarse_network(architecture: Architecture) -> SwiftNet:
    """A network whose folded weights are multiples of 1/8, and differ between channels."""
    torch.manual_seed(1)
    network = SwiftNet(architecture).eval()
    with torch.no_grad():
        for module in network.modules():
            if isinstance(module, nn.Conv2d):
                module.weight.copy_(torch.randint(-2, 3, module.weight.shape) / 4)
            elif isinstance(module, nn.BatchNorm2d):
                module.running_mean.zero_()  # type: ignore[union-attr]
                module.running_var.fill_(1 - module.eps)  # type: ignore[union-attr]
                module.weight.copy_(2.0 ** -torch.randint(0, 2, module.weight.shape))
                module.bias.copy_(torch.randint(-2, 3, module.bias.shape) / 4)
    return network


def architecture_of(encoder: str, variant: str, stride: str, widths: str) -> Architecture:
    """A few channels per layer: eights, or odd numbers as pruning leaves them."""
    aligned = widths == "aligned"
    if encoder == "mobilenet_v2":
        blocks = (8,) * 7 if aligned else (3, 3, 5, 5, 6, 7, 7)
        chosen = Widths.mobilenet_v2(stem=8 if aligned else 3, stages=blocks)
    else:
        stages = (8,) * 4 if aligned else (3, 5, 6, 7)
        chosen = Widths.resnet(int(encoder[-2:]), stem=8 if aligned else 3, stages=stages)
    return Architecture(
        encoder,
        classes=3,
        variant=variant,
        output_stride=int(stride),
        features=8 if aligned else 5,
        widths=chosen,
    )


def graph_of(model: onnx.ModelProto, precision: str) -> onnx.ModelProto:
    """The form of a float master that strongly typed TensorRT takes for a precision."""
    if precision == "fp32":
        return model
    if precision == "fp16":
        return half_from_float(model)
    tensors = placement_for(OnnxGraph(model), EVERYTHING).tensors
    quantized = int8_from_float(model, dict.fromkeys(tensors, 4.0), QuantizationOptions())
    require_importable(quantized)
    return half_from_float(quantized)


def write(folder: Path, name: str, model: onnx.ModelProto, effort: int = 1) -> str:
    """Stores a graph; the same one gives the same bytes."""
    path = folder / f"{name}.onnx.gz"
    path.write_bytes(gzip.compress(model.SerializeToString(), effort, mtime=0))
    return path.name


def write_pairwise() -> None:
    """Writes the stored graphs and the list of their cases."""
    for old in HERE.glob("*.onnx.gz"):
        old.unlink()
    cases: List[Dict[str, str]] = []
    for case in pairwise():
        model = onnx_from_model(coarse_network(architecture_of(*case[:4])), HEIGHT, WIDTH)
        require_importable(model)
        name = write(HERE, "-".join(case[:5]), graph_of(model, case[4]), effort=9)
        cases.append({**dict(zip(FACTORS, case)), "graph": name})
    (HERE / "cases.json").write_text(json.dumps(cases, indent=1) + "\n", encoding="utf-8")


def write_all(folder: Path) -> None:
    """Writes every network of the family that is small, and one of full size."""
    folder.mkdir(parents=True, exist_ok=True)
    *networks, precisions, _ = FACTORS.values()
    for case in itertools.product(*networks):
        model = onnx_from_model(coarse_network(architecture_of(*case)), HEIGHT, WIDTH)
        require_importable(model)
        for precision in precisions:
            write(folder, "-".join((*case, precision)), graph_of(model, precision))
    full = onnx_from_model(coarse_network(Architecture("resnet34", classes=19)), *FULL_SIZE)
    for precision in precisions:
        write(folder, f"resnet34-pyramid-4-full-{precision}", graph_of(full, precision))


def main() -> None:
    """Writes the one or the other."""
    torch.set_num_threads(1)
    if sys.argv[1:2] == ["--all"]:
        write_all(Path(sys.argv[2]))
    else:
        write_pairwise()


if __name__ == "__main__":
    main()
