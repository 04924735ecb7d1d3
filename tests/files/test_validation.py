from __future__ import annotations

from typing import Any, Dict, List, Optional

import pytest
from pydantic import BaseModel, ConfigDict, ValidationError, model_validator

from runtime.files.validation import first_complaint


class Wheel(BaseModel):
    model_config = ConfigDict(extra="forbid")

    radius: float


class Cart(BaseModel):
    wheels: List[Wheel]
    owner: Optional[str] = None

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


def test_an_unknown_key_comes_before_the_one_that_it_was_meant_to_be() -> None:
    error = refusal({"wheels": [{"raduis": 1}]})
    assert first_complaint(error) == "wheels.0.raduis: there is no such key"
    assert first_complaint(error, model=Cart).endswith(", the nearest is 'radius'")


def test_nothing_is_proposed_for_a_key_that_is_like_none() -> None:
    error = refusal({"wheels": [{"radius": 1, "colour": "red"}]})
    assert first_complaint(error, model=Cart) == "wheels.0.colour: there is no such key"
