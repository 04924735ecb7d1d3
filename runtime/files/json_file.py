"""Files in JSON that people write: UTF-8, and every key said once."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Dict, List, Tuple

from runtime.files.text import read_text


def read_json(path: Path) -> Any:
    """What a file says.

    Args:
        path: the file.

    Raises:
        InvalidInput: it is not UTF-8.
        ValueError: it is not JSON, or an object says one key twice.
        OSError: it cannot be read.
    """
    return json.loads(read_text(path), object_pairs_hook=_each_key_once)


def _each_key_once(pairs: List[Tuple[str, Any]]) -> Dict[str, Any]:
    said = dict(pairs)
    if len(said) < len(pairs):
        keys = [key for key, _ in pairs]
        twice = next(key for key in keys if keys.count(key) > 1)
        raise ValueError(f"the key {twice!r} is said twice")
    return said
