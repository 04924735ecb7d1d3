"""What a pydantic model has against its input, in the clause that a fault's problem ends with."""

from __future__ import annotations

import difflib
from typing import Any, Optional, Set, Type

from pydantic import BaseModel, ValidationError
from typing_extensions import get_args


def first_complaint(
    error: ValidationError, whole: str = "", model: Optional[Type[BaseModel]] = None
) -> str:
    """The first thing that is refused: where it stands, and why.

    Args:
        error: what the model raised.
        whole: the name of the place where no single field is to blame, such as "the recipe".
        model: where people may have misspelt a key, what raised it: its own keys are proposed.
    """
    # A misspelt key is the cause where another then seems to be missing.
    first = min(error.errors(), key=lambda each: each["type"] != "extra_forbidden")
    place = ".".join(str(part) for part in first["loc"]) or whole
    reason = first["msg"]
    if first["type"] == "extra_forbidden":
        known = set() if model is None else _keys(model)
        near = difflib.get_close_matches(str(first["loc"][-1]), sorted(known), n=1)
        reason = "there is no such key" + (f", the nearest is {near[0]!r}" if near else "")
    return f"{place}: {reason}" if place else reason


def _keys(annotation: Any) -> Set[str]:
    """The keys of a model and of all models within it."""
    if not (isinstance(annotation, type) and issubclass(annotation, BaseModel)):
        return {key for part in get_args(annotation) for key in _keys(part)}
    fields = annotation.model_fields
    return set(fields).union(*(_keys(field.annotation) for field in fields.values()))
