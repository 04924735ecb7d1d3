"""Whether a client has the newest version already: If-None-Match (RFC 9110, 13.1.2)."""

from __future__ import annotations

import re

from starlette.datastructures import Headers

# Commas and spaces may stand inside the quotes; backslashes escape nothing.
_ENTITY_TAG = re.compile(r'(?:W/)?("[\x21\x23-\x7e\x80-\xff]*")')
_LIST = re.compile(rf"[\s,]*{_ENTITY_TAG.pattern}(?:[ \t]*,[\s,]*{_ENTITY_TAG.pattern})*[\s,]*")


def client_has(headers: Headers, tag: str) -> bool:
    """Whether If-None-Match names a version, so that 304 is the answer.

    Tags are compared weakly, as this header asks for; what is no list of tags names none.

    Args:
        headers: of the request; several lines count as one list.
        tag: the version's entity tag, with its quotes.
    """
    asked = ", ".join(headers.getlist("if-none-match")).strip()
    if asked == "*":
        return True
    strong = tag[2:] if tag.startswith("W/") else tag
    return _LIST.fullmatch(asked) is not None and strong in _ENTITY_TAG.findall(asked)
