"""A study of seconds: a network of eight channels on painted scenes, done in this process."""

from __future__ import annotations

from pathlib import Path
from typing import Dict, List, Optional, Tuple

from runtime.builder.checkpoint import save_checkpoint
from runtime.experiments.study.collect import Collector
from runtime.experiments.study.graph import Graph, graph_of
from runtime.experiments.study.recipe import recipe_from_file
from runtime.experiments.study.resolve import PreparedStudy, prepare_study
from runtime.experiments.study.results import StudyResults
from runtime.experiments.study.step_process import do_step
from runtime.experiments.study.store import StepStore
from tests.builder.scenes import write_dataset
from tests.builder.tiny_training import network

PLAN = """
dataset = "scenes"
init = "start.pt"
size = [64, 64]
[settings]
epochs = 3
batch = 4
learning_rate = 3e-3
encoder_rate = 1.0
boundary_radii = [2, 4, 8]
ema = 0.8
[settings.augmentation]
crop = [64, 64]
"""
RECIPE = """
name = "tiny"
dataset = "scenes"
rewind = 2
seeds = [1]
arms = [{arms}]
precisions = ["fp32", "int8"]
[[models]]
name = "full"
plan = "training.toml"
[[prunings]]
name = "half"
blocks = ["1", "2", "3", "4"]
ratio = 0.5
alignment = 1
[calibration]
split = "train"
without = "even_*"
[[judged]]
name = "val"
split = "val"
sentence = "Never learnt from."
"""


def write_study(folder: Path, arms: Tuple[str, ...] = ("lth",)) -> Path:
    """A dataset, a plan and a recipe, which `changed` may change."""
    write_dataset(folder / "scenes")
    save_checkpoint(folder / "start.pt", network(), {})
    (folder / "training.toml").write_text(PLAN, encoding="utf-8")
    text = RECIPE.format(arms=", ".join(f'"{arm}"' for arm in arms))
    recipe = folder / "recipe.toml"
    recipe.write_text(text, encoding="utf-8")
    return recipe


def prepared(recipe: Path, save_every: float = 120.0) -> PreparedStudy:
    """As the command prepares it."""
    return prepare_study(recipe_from_file(recipe), recipe.parent, save_every=save_every)


def done_here(recipe: Path, out: Path) -> Tuple[StudyResults, Dict[str, Path], List[str]]:
    """Does what is to be done, one step after the other, without processes.

    Returns:
        The results, the folder of every step by its name, and the names of those done just now.
    """
    study = prepared(recipe)
    graph = graph_of(study)
    store = StepStore(out, graph.steps)
    out.mkdir(exist_ok=True)
    now: List[str] = []
    for step in graph.steps.values():
        if store.done(step) is None:
            do_step(store.prepare(step))
            now.append(step.name)
    results = Collector(study, graph, store, out).collect()
    return results, folders(graph, store), now


def folders(graph: Graph, store: StepStore) -> Dict[str, Path]:
    """Where the steps of a finished study lie."""
    found: Dict[str, Path] = {}
    for step in graph.steps.values():
        key: Optional[str] = store.key(step)
        if key is not None:
            found[step.name] = store.folder(step, key)
    return found


def changed(recipe: Path, old: str, new: str) -> Path:
    """The same recipe, or plan, with another text in one place."""
    text = recipe.read_text(encoding="utf-8")
    assert old in text
    recipe.write_text(text.replace(old, new), encoding="utf-8")
    return recipe
