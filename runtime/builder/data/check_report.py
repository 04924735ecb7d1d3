"""What a dataset check found, for people and for programs."""

from __future__ import annotations

import json
from typing import Any, Dict, Mapping, Tuple

from rich.table import Table

from runtime.builder.data.check import DatasetCheck

MOST_SIZES = 3


def shares_table(check: DatasetCheck) -> Table:
    """The share of each class among the labelled pixels, a column per part of the dataset."""
    table = Table(title=check.name)
    table.add_column("class")
    for group in check.groups:
        table.add_column(group.name, justify="right")
    table.add_row("images", *(str(group.samples) for group in check.groups))
    table.add_row("sizes", *(_sizes(group.sizes) for group in check.groups))
    table.add_row("unlabelled", *(_percent(group.unlabelled) for group in check.groups))
    table.add_section()
    for class_id, name in enumerate(check.classes.names):
        cells = [_percent(float(group.shares[class_id])) for group in check.groups]
        table.add_row(name, *("-" if name in g.absent else c for g, c in zip(check.groups, cells)))
    return table


def report_json(check: DatasetCheck) -> str:
    """The same as a JSON document."""
    groups: Dict[str, Any] = {
        group.name: {
            "images": group.samples,
            "sizes": {f"{height}x{width}": n for (height, width), n in group.sizes.items()},
            "unlabelled": round(group.unlabelled, 6),
            "class_shares": {
                name: round(float(share), 6)
                for name, share in zip(check.classes.names, group.shares)
            },
        }
        for group in check.groups
    }
    content = {"dataset": check.name, "wrong": check.wrong, "odd": check.odd, "splits": groups}
    return json.dumps(content, indent=2, ensure_ascii=False) + "\n"


def _sizes(sizes: Mapping[Tuple[int, int], int]) -> str:
    common = sorted(sizes, key=lambda size: (-sizes[size], size))
    shown = [f"{height}x{width}" for height, width in common[:MOST_SIZES]]
    more = len(common) - len(shown)
    return ", ".join(shown) + (f" and {more} more" if more else "")


def _percent(share: float) -> str:
    return f"{100 * share:.2f} %"
