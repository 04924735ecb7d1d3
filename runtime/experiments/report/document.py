"""The report as one Markdown page: what was found first, then how it was, then every number."""

from __future__ import annotations

from typing import Dict, Iterator, List, Sequence

from runtime.experiments.report.caveats import notes_of
from runtime.experiments.report.figures import CLASSES
from runtime.experiments.report.findings import findings_of
from runtime.experiments.report.flags import all_clear_of, flags_of
from runtime.experiments.report.variants import Study
from runtime.experiments.table import Table

ARM_WORDS = {
    "LTH": "lottery ticket: the channels of the trained network, weights as they were early on",
    "RI-P": "the ticket's control: random channels, the same widths and the same early weights",
    "LRR": "the trained weights, trained again at the full learning rate",
    "FT": "the trained weights, fine-tuned",
    "untrained": "cut, its batch norms measured anew, and not trained",
    "RI": "new random weights",
}
MARKS = (
    "Bold marks the best of a column and all that do not differ from it. Means differ when they "
    "are further apart than the seeds of one model; speeds when one median is below the whole "
    "range of the other."
)
PAPER_WORDS = (
    "What the pruning study that this project continues reports of a ResNet-34 pyramid at 1024 x "
    "2048 pixels and 150 classes, on its own data and devices. Where a row says *another network*, "
    "it is the closest one and there for orientation: compare what pruning changes, not the "
    "levels. Changes and ratios are against the full model on the same data, device and precision."
)


def document_of(study: Study, tables: Sequence[Table], figures: Dict[str, str]) -> str:
    """The page.

    Args:
        study: what was found.
        tables: as `all_tables` gives them; those that are left out are not shown.
        figures: paths relative to the page, by what they show; in the order to be shown.
    """
    by_name = {table.name: table for table in tables}
    front = [words for words in figures if not words.startswith(CLASSES)]
    parts = [
        *_opening(study),
        *_listed("What the numbers say", findings_of(study)),
        *_listed("Flags", flags_of(study)),
        *_listed("No flags", all_clear_of(study)),
        *_listed("To bear in mind", notes_of(study)),
        "## The models",
        by_name["summary"].markdown(),
        MARKS,
        *_arms(study),
        *(f"![{words}]({figures[words]})" for words in front),
        _headed(by_name["costs"]),
        *(_headed(table) for table in tables if table.name.startswith("accuracy-")),
        *(_headed(table) for table in tables if table.name == "speed"),
        "## Gains and losses of the classes",
        *(f"![{words}]({figures[words]})" for words in figures if words not in front),
        *(_folded(table) for table in tables if table.name.startswith("classes-")),
        "## Beside the paper",
        PAPER_WORDS,
        by_name["paper"].markdown(),
        "## Where the numbers come from",
        by_name["rows"].markdown(),
        "All tables are in `tables/`, as CSV and as LaTeX (with booktabs).",
    ]
    return "\n\n".join(part.strip("\n") for part in parts) + "\n"


def _opening(study: Study) -> Iterator[str]:
    results = study.results
    yield f"# The study {results.study}"
    sizes = sorted({model.size for model in results.models})
    shown = ", ".join(f"{height} x {width}" for height, width in sizes)
    seeds = "one seed" if study.seeds == 1 else f"up to {study.seeds} seeds"
    yield (
        f"{len(results.models)} of {results.expected} rows, {len(study.variants)} models of "
        f"{seeds} each, images of {shown} pixels. Recipe `{results.recipe_sha256[:12]}`."
    )


def _listed(heading: str, sentences: Sequence[str]) -> Iterator[str]:
    if sentences:
        yield f"## {heading}"
        yield "\n".join(f"- {sentence}" for sentence in sentences)


def _arms(study: Study) -> Iterator[str]:
    used: List[str] = [each.arm for each in study.pruned if each.arm is not None]
    known = [arm for arm in ARM_WORDS if arm in used]
    if known:
        yield "Arms:\n\n" + "\n".join(f"- **{arm}**: {ARM_WORDS[arm]}" for arm in known)


def _headed(table: Table) -> str:
    return f"## {table.title}\n\n{table.markdown()}"


def _folded(table: Table) -> str:
    return f"<details><summary>{table.title}</summary>\n\n{table.markdown()}\n\n</details>"
