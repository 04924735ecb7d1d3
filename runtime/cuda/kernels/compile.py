"""`python -m runtime.cuda.kernels.compile`: the kernels' binaries from their sources; needs no GPU.

The same sources, options and compiler give the same bytes: neither paths nor times get into them.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Dict, Final, List, Optional, Tuple

from runtime.cuda.kernels.binaries import (
    CUBIN_CAPABILITIES,
    FOLDER,
    MANIFEST_NAME,
    PTX_CAPABILITY,
    code_name,
)
from runtime.cuda.kernels.nvrtc import Nvrtc, packaged_library
from runtime.cuda.kernels.resources import as_records, resources_in, table
from runtime.cuda.kernels.sources import MAIN, digest, texts
from runtime.files.atomic import whole_file

OPTIONS: Final[Tuple[str, ...]] = (
    "--std=c++14",
    # NumPy rounds each product; see arithmetic.cuh.
    "--fmad=false",
    "--ptxas-options=-v",
)


@dataclass(frozen=True)
class Compiled:
    """Every binary by file name, and the manifest that describes them."""

    binaries: Dict[str, bytes]
    manifest: Dict[str, Any]

    @property
    def manifest_text(self) -> bytes:
        """The manifest as its file says it."""
        return (json.dumps(self.manifest, indent=2) + "\n").encode()


def compiled(compiler: Nvrtc) -> Compiled:
    """Compiles the kernels for all architectures that we ship and the compiler knows.

    Raises:
        BuildFailed: the compiler refuses the sources.
    """
    sources, binaries = texts(), {}
    records: Dict[str, Any] = {}
    for capability in (*CUBIN_CAPABILITIES, PTX_CAPABILITY):
        if capability not in compiler.capabilities:
            continue
        name = code_name(capability)
        architecture = f"--gpu-architecture={name.split('.')[0]}"
        binary, log = compiler.compiled(MAIN, sources, [architecture, *OPTIONS])
        binaries[name] = binary
        records[name] = {
            "sha256": hashlib.sha256(binary).hexdigest(),
            "kernels": as_records(resources_in(log)),
        }
    manifest = {
        "compiler": "NVRTC {}.{}".format(*compiler.version),
        "options": list(OPTIONS),
        "sources_sha256": digest(),
        "binaries": records,
    }
    return Compiled(binaries, manifest)


def write(made: Compiled, folder: Path) -> None:
    """Writes the binaries, and last the manifest that vouches for them."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, binary in made.binaries.items():
        with whole_file(folder / name) as file:
            file.write(binary)
    with whole_file(folder / MANIFEST_NAME) as file:
        file.write(made.manifest_text)


def differences(made: Compiled, folder: Path) -> List[str]:
    """Names of files in `folder` that are not what was just made."""
    expected = {MANIFEST_NAME: made.manifest_text, **made.binaries}
    return [
        name
        for name, content in sorted(expected.items())
        if not (folder / name).is_file() or (folder / name).read_bytes() != content
    ]


def main(arguments: Optional[List[str]] = None) -> int:
    """Compiles, and writes or compares; returns an exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, default=FOLDER, help="where the binaries are")
    parser.add_argument("--library", type=Path, help="libnvrtc; the pip package's if left out")
    parser.add_argument("--check", action="store_true", help="compare only, write nothing")
    given = parser.parse_args(arguments)
    made = compiled(Nvrtc(given.library or packaged_library()))
    if given.check:
        stale = differences(made, given.folder)
        sys.stdout.write("".join(f"{name} differs\n" for name in stale))
        return 1 if stale else 0
    write(made, given.folder)
    sys.stdout.write(table(made.manifest["binaries"]) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
