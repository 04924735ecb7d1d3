from __future__ import annotations

from typing import Any, Dict, List

import pytest
from pydantic import BaseModel, ValidationError, model_validator

from runtime.complaint import first_complaint


class Wheel(BaseModel):
    radius: float


class Cart(BaseModel):
    wheels: List[Wheel]

    @model_validator(mode="after")
    def _rolls(self) -> Cart:
        if not self.wheels:
            raise ValueError("a cart without wheels")
        return self


def refusal(values: Dict[str, Any]) -> ValidationError:
    with pytest.raises(ValidationError) as refused:
        Cart.model_validate(values)
    return refused.value


def test_a_field_is_named_by_the_way_to_it() -> None:
    error = refusal({"wheels": [{"radius": 1}, {"radius": "round"}]})
    assert first_complaint(error, "the cart").startswith("wheels.1.radius: ")


def test_of_several_complaints_the_first_is_told() -> None:
    error = refusal({"wheels": [{"radius": "round"}, {}]})
    assert first_complaint(error).startswith("wheels.0.radius: ")


def test_where_no_field_is_to_blame_the_whole_is_if_it_has_a_name() -> None:
    error = refusal({"wheels": []})
    assert first_complaint(error, "the cart") == f"the cart: {first_complaint(error)}"
    assert first_complaint(error).endswith("a cart without wheels")
