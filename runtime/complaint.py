"""What a pydantic model has against its input, in the clause that a fault's problem ends with."""

from __future__ import annotations

from pydantic import ValidationError


def first_complaint(error: ValidationError, whole: str = "") -> str:
    """The first thing that is refused: where it stands, and why.

    Args:
        error: what the model raised.
        whole: the name of the place where no single field is to blame, such as "the recipe".
    """
    first = error.errors()[0]
    place = ".".join(str(part) for part in first["loc"]) or whole
    return f"{place}: {first['msg']}" if place else first["msg"]
