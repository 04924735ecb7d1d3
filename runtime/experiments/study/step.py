"""A step of a study: what it makes, from what, and the key under which its result is kept."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import AbstractSet, Any, Dict, Mapping, Tuple, Union

from pydantic import BaseModel, ConfigDict
from typing_extensions import Literal

from runtime.builder.step_cache import key_of

Kind = Literal["train", "plan", "cut", "engine", "judge", "speed"]

# A kind whose code, or a default of its settings, starts to give another result gets another
# number: nothing stale is kept. A key holds the number of its own kind alone, so that no other kind
# makes it stale.
REVISIONS: Dict[Kind, int] = {
    "train": 1,
    "plan": 1,
    "cut": 1,
    "engine": 1,
    "judge": 1,
    "speed": 1,
}
SHOWN_OF_A_KEY = 12


Made = Tuple[Tuple[str, ...], Dict[str, Any]]
"""What doing a step gives: paths of files within its folder, and what was found out."""


@dataclass(frozen=True)
class Given:
    """A file that was there before the study."""

    path: Path
    sha256: str


@dataclass(frozen=True)
class Product:
    """A file that another step makes; its path starts from that step's folder."""

    step: str
    file: str


Source = Union[Given, Product]


@dataclass(frozen=True)
class Step:
    """One node of a study's graph.

    Attributes:
        name: for people; unique in the study, and part of the folder's name.
        kind: what is done.
        parameters: plain values that the result follows from, hashes of images included.
        inputs: files that the result follows from, by their part in it.
        how: plain values without any effect on the result, such as where the dataset lies.
        alone: whether nothing else may run meanwhile, because time is measured.
    """

    name: str
    kind: Kind
    parameters: Mapping[str, Any]
    inputs: Mapping[str, Source] = field(default_factory=dict)
    how: Mapping[str, Any] = field(default_factory=dict)
    alone: bool = False

    @property
    def after(self) -> Tuple[str, ...]:
        """Names of the steps whose files it needs."""
        made = [source.step for source in self.inputs.values() if isinstance(source, Product)]
        return tuple(dict.fromkeys(made))

    def key(self, hashes: Mapping[str, str]) -> str:
        """SHA-256 of all that the result follows from.

        Args:
            hashes: of the inputs' contents, by their part.
        """
        return key_of(self.kind, REVISIONS[self.kind], dict(self.parameters), dict(hashes))


class Job(BaseModel):
    """A step with everything found: what the process that does it is told.

    Attributes:
        inputs: paths.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    kind: Kind
    key: str
    parameters: Dict[str, Any]
    inputs: Dict[str, Path]
    how: Dict[str, Any]


class Done(BaseModel):
    """The record of a finished step; written last, so that where it is, all is there.

    Attributes:
        outputs: SHA-256 by path within the step's folder.
        result: what was found out, plain values.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Kind
    key: str
    outputs: Dict[str, str]
    result: Dict[str, Any] = {}


def decided(settings: BaseModel, exclude: AbstractSet[str] = frozenset()) -> Dict[str, Any]:
    """Settings as parameters of a step, those left at their defaults left out.

    A field that is added later, with a default that changes nothing, then makes no key stale.

    Args:
        settings: whose values the result of a step follows from.
        exclude: names of fields that it does not follow from, such as paths.
    """
    return settings.model_dump(mode="json", exclude=set(exclude), exclude_defaults=True)
