from __future__ import annotations

from typing import Dict

from runtime.experiments.profile.profile_tables import by_backend, forward_table, level_table
from runtime.experiments.table import Table
from tests.experiments.profile.made_up_profiles import FAR, FIRST, profile

HALF = profile("half", {FIRST: 2.0, FAR: 0.5}, forward=3.0, narrowed=("block 1",))


def cells(table: Table, row: int) -> Dict[str, str]:
    return {column.heading: column.shown(row) for column in table.columns}


def test_models_stand_below_each_other_level_by_level() -> None:
    table = level_table([profile(), HALF])
    rows = [cells(table, row) for row in range(table.rows)]
    assert [(row["level"], row["model"], row["block 1"], row["level, ms"]) for row in rows] == [
        ("0", "full", "4.00", "5.00"),
        ("0", "half", "2.00", "3.00"),
        ("1", "full", "1.00", "1.00"),
        ("1", "half", "0.50", "0.50"),
    ]
    # The second level has no stem in these profiles; no part is shown that nobody has.
    assert rows[2]["stem"] == "-"
    assert "block 2" not in rows[0]


def test_a_pass_is_shown_with_all_that_it_is_made_of() -> None:
    table = forward_table([profile(), HALF])
    assert cells(table, 1) == {
        "model": "half",
        "backend": "torch fp32",
        "encoder": "3.50",
        "classifier": "0.50",
        "rest": "0.25",
        "all layers": "4.25",
        "forward pass, ms": "3.00",
        "times as fast": "2.00",
    }


def test_a_backend_is_compared_with_itself() -> None:
    profiles = [
        profile(forward=6.0),
        profile(forward=3.0, backend="openvino int8"),
        profile("half", forward=1.0, backend="openvino int8"),
    ]
    assert [column.shown(2) for column in forward_table(profiles).columns][-1] == "3.00"
    assert [each.model for each in by_backend(profiles)["openvino int8"]] == ["full", "half"]
