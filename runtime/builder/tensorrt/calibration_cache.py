"""TensorRT's own calibration cache: the scales of activations as text, for weak typing and a DLA.

The first line names the release and the calibrator; each further one a tensor and its scale, the
eight hexadecimal digits of a big-endian float32. TensorRT 8 and `trtexec --calib` read it.
"""

from __future__ import annotations

import re
import struct
from typing import Dict, List, Mapping

from runtime.builder.quantization.shared_weights import INT8_LIMIT
from runtime.errors import InvalidInput

# Major * 1000 + minor * 100 + patch: 8.5.2, the release of JetPack 5.1, whose DLA this is for. DLA
# takes the caches of no other calibrator.
HEADER = "TRT-8502-EntropyCalibration2"
_HEADER = re.compile(r"TRT-\d{4,6}-\w+")
_ENTRY = re.compile(r"(?P<tensor>.+): (?P<scale>[0-9a-fA-F]{8})")


def cache_from_ranges(ranges: Mapping[str, float]) -> str:
    """Writes a cache.

    Args:
        ranges: by tensor, as the float ONNX file calls it: the magnitude that becomes 127.

    Raises:
        InvalidInput: a range is no positive number, or a name would break its line.
    """
    lines: List[str] = [HEADER]
    for tensor, largest in sorted(ranges.items()):
        if not 0 < largest < float("inf") or "\n" in tensor:
            raise InvalidInput(
                f"tensor {tensor!r} has the range {largest}",
                "Calibrate again: every range is a positive number",
            )
        lines.append(f"{tensor}: {struct.pack('>f', largest / INT8_LIMIT).hex()}")
    return "\n".join(lines) + "\n"


def ranges_from_cache(text: str) -> Dict[str, float]:
    """Reads a cache, of any release and calibrator.

    Returns:
        by tensor: the magnitude that becomes 127.

    Raises:
        InvalidInput: it is none.
    """
    header, *lines = text.splitlines() or [""]
    if not _HEADER.fullmatch(header):
        raise InvalidInput(
            f"the file begins with {header[:40]!r}, a calibration cache with {HEADER!r}",
            "Write it with `runtime build-engine --calibration-cache`",
        )
    ranges: Dict[str, float] = {}
    for number, line in enumerate(lines, start=2):
        entry = _ENTRY.fullmatch(line)
        if entry is None:
            raise InvalidInput(
                f"line {number} of the calibration cache is {line[:60]!r}",
                "Write the cache anew: a line is a tensor, a colon and eight hexadecimal digits",
            )
        (scale,) = struct.unpack(">f", bytes.fromhex(entry["scale"]))
        ranges[entry["tensor"]] = scale * INT8_LIMIT
    return ranges
