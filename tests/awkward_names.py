"""Names that files may have and that programs stumble over."""

from __future__ import annotations

import os

NOT_UTF8 = os.fsdecode(b"caf\xe9")

STEMS = (
    NOT_UTF8,
    os.fsdecode(b"\xff\xfe"),
    "-y",
    "--help",
    "cam1:front",
    "12:30:05",
    "file:x",
    "http:x",
    "cam%01d",
    "100%",
    "%s%n",
    "a[1]",
    "[red] alarm",
    "[bold]x",
    "[link=x]a",
    ":car:",
    "{task.description}",
    "a\nb",
    "a\x1b[31mb",
    "quotes'\"",
    "back\\slash",
    "concat|a",
    "$HOME",
    "*",
    "Straße 信号",
    "a.b.c",
)
"""Without an ending."""
