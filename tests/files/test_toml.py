from __future__ import annotations

from pathlib import Path
from typing import Any, Dict, Tuple

import pytest
from pydantic import ValidationError, model_validator

from runtime.errors import InvalidConfig
from runtime.files.toml import Table, read_toml, table_from_values


class Crop(Table):
    height: int = 32
    width: int = 32


class Plan(Table):
    name: str
    crop: Crop = Crop()
    splits: Tuple[str, ...] = ("train",)

    @model_validator(mode="after")
    def _learns_from_something(self) -> Plan:
        if not self.splits:
            raise ValueError("there is nothing to learn from")
        return self


def plan(values: Dict[str, Any]) -> Plan:
    return table_from_values(Plan, values, "plan", "plan.toml", "docs/plans.md")


def test_a_file_is_its_text_and_what_that_says(tmp_path: Path) -> None:
    text = '# of the street\nname = "straße"\n[crop]\nwidth = 64\n'
    (tmp_path / "plan.toml").write_text(text, encoding="utf-8")
    file = read_toml(tmp_path / "plan.toml", "plan", "Write one")
    assert file.text == text
    assert plan(file.values) == Plan(name="straße", crop=Crop(width=64))


def test_a_file_that_is_not_there_is_named_with_the_callers_cure(tmp_path: Path) -> None:
    with pytest.raises(InvalidConfig, match=r"no plan can be read at .*plan\.toml: No such file"):
        read_toml(tmp_path / "plan.toml", "plan", "Write one")
    with pytest.raises(InvalidConfig, match="Write one"):
        read_toml(tmp_path, "plan", "Write one")


@pytest.mark.parametrize(
    ("content", "said"),
    [(b'name = "a\n', "TOML"), (b'name = "stra\xdfe"\n', "UTF-8: line 1 holds the byte 0xdf")],
)
def test_what_is_not_toml_is_refused(tmp_path: Path, content: bytes, said: str) -> None:
    (tmp_path / "plan.toml").write_bytes(content)
    with pytest.raises(InvalidConfig, match=rf"plan\.toml is not {said}"):
        read_toml(tmp_path / "plan.toml", "plan", "Write one")


@pytest.mark.parametrize(
    ("values", "place"),
    [
        ({}, "name"),
        ({"nmae": "a"}, "nmae"),
        ({"name": "a", "crop": {"hieght": 64}}, r"crop\.hieght"),
        ({"name": "a", "crop": {"height": "tall"}}, r"crop\.height"),
        ({"name": "a", "splits": []}, "the plan"),
    ],
)
def test_what_a_table_may_not_say_is_refused_by_its_place(
    values: Dict[str, Any], place: str
) -> None:
    with pytest.raises(InvalidConfig, match=rf"^plan\.toml: {place}: ") as refused:
        plan(values)
    assert refused.value.cure == "docs/plans.md lists every key"


def test_of_a_misspelt_key_the_nearest_is_told() -> None:
    with pytest.raises(InvalidConfig, match=r"crop\.hieght: .* the nearest is 'height'"):
        plan({"name": "a", "crop": {"hieght": 64}})


def test_a_table_does_not_change() -> None:
    table: Any = Crop()
    with pytest.raises(ValidationError, match="frozen"):
        table.width = 64
