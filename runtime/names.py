"""Names of files as text: all bytes but zero and the slash may be in one, characters or not.

Python carries bytes that are not UTF-8 as surrogates, which no JSON, log or socket takes.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Union

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")


def encodable(text: str) -> str:
    """The text, with what UTF-8 cannot express escaped."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def shown(name: Union[str, Path]) -> str:
    """A name on one line that any terminal, log and file of text can hold.

    Args:
        name: of a file or folder; control characters in it, line ends among them, are escaped too.
    """
    escaped = _CONTROL.sub(lambda found: ascii(found.group())[1:-1], str(name))
    return encodable(escaped)
