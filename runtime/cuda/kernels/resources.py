"""What each kernel takes of an architecture, as the log of `--ptxas-options=-v` tells."""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass
from typing import Dict, Final, List, Mapping

_ENTRY: Final = re.compile(r"Compiling entry function '(\w+)'")
_MEMORY: Final = re.compile(r"(\d+) bytes stack frame, (\d+) bytes spill stores, (\d+) bytes spill")
_REGISTERS: Final = re.compile(r"Used (\d+) registers")
_SHARED: Final = re.compile(r"(\d+) bytes smem")


@dataclass(frozen=True)
class Resources:
    """What one kernel takes.

    Attributes:
        registers: per thread.
        shared: bytes of shared memory per block.
        stack: bytes of local memory per thread.
        spilled: bytes per thread that did not fit into registers, written and read.
    """

    registers: int
    shared: int
    stack: int
    spilled: int


def resources_in(log: str) -> Dict[str, Resources]:
    """What an assembler's log says of each kernel, by name in alphabetical order."""
    found: Dict[str, Resources] = {}
    for part in re.split(r"(?=ptxas info\s*: Compiling)", log):
        entry, memory = _ENTRY.search(part), _MEMORY.search(part)
        registers, shared = _REGISTERS.search(part), _SHARED.search(part)
        if entry is None or memory is None or registers is None:
            continue
        stack, stores, loads = map(int, memory.groups())
        found[entry.group(1)] = Resources(
            registers=int(registers.group(1)),
            shared=0 if shared is None else int(shared.group(1)),
            stack=stack,
            spilled=stores + loads,
        )
    return dict(sorted(found.items()))


def as_records(found: Mapping[str, Resources]) -> Dict[str, Dict[str, int]]:
    """The same for JSON."""
    return {kernel: asdict(resources) for kernel, resources in found.items()}


def table(binaries: Mapping[str, Mapping[str, Mapping[str, Mapping[str, int]]]]) -> str:
    """A Markdown table of a manifest's binaries: registers / shared / spilled of each kernel."""
    cubins = [name for name, record in binaries.items() if record["kernels"]]
    kernels = sorted({kernel for name in cubins for kernel in binaries[name]["kernels"]})
    heads = [name.split(".")[0] for name in cubins]
    lines: List[str] = [_row("kernel", heads), _row("---", ["---"] * len(heads))]
    for kernel in kernels:
        cells = []
        for name in cubins:
            taken = binaries[name]["kernels"][kernel]
            cells.append("{registers} / {shared} / {spilled}".format(**taken))
        lines.append(_row(f"`{kernel}`", cells))
    return "\n".join(lines)


def _row(head: str, cells: List[str]) -> str:
    return f"| {' | '.join([head, *cells])} |"
