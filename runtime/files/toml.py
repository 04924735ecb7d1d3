"""Files in TOML that people write: read whole, and held to the model of what may stand in them."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Dict, Mapping, Type, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from runtime.errors import InvalidConfig, InvalidInput
from runtime.files.text import read_text
from runtime.files.validation import first_complaint

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib


class Table(BaseModel):
    """A table of such a file: frozen, and an unknown key is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")


AnyTable = TypeVar("AnyTable", bound=Table)


@dataclass(frozen=True)
class TomlFile:
    """A file as it was at one moment.

    Attributes:
        text: of the whole file, in which a line can be pointed at.
        values: what the text says, tables as dictionaries.
    """

    text: str
    values: Dict[str, Any]


def read_toml(path: Path, what: str, cure: str) -> TomlFile:
    """Reads a file.

    Args:
        path: the file.
        what: the file is, such as "recipe".
        cure: of a file that cannot be read.

    Raises:
        InvalidConfig: it cannot be read, is in another encoding than UTF-8, or is not TOML.
    """
    try:
        text = read_text(path)
        return TomlFile(text, tomllib.loads(text))
    except OSError as error:
        raise InvalidConfig(f"no {what} can be read at {path}: {error.strerror}", cure) from error
    except InvalidInput as fault:
        raise InvalidConfig(fault.problem, fault.cure) from fault
    except tomllib.TOMLDecodeError as error:
        raise InvalidConfig(f"{path} is not TOML: {error}", "Correct that line") from error


def table_from_values(
    model: Type[AnyTable], values: Mapping[str, Any], what: str, source: str, manual: str
) -> AnyTable:
    """What a file says, as the value it stands for.

    Args:
        model: all that may be said, and what it has to agree with.
        values: of a file, or of a file and what was said over it.
        what: the whole of them is, such as "recipe".
        source: where they come from, in words or as a path.
        manual: the page that lists every key.

    Raises:
        InvalidConfig: something is unknown, missing, of the wrong kind or contradictory.
    """
    try:
        return model.model_validate(values)
    except ValidationError as error:
        complaint = first_complaint(error, f"the {what}", model)
        raise InvalidConfig(f"{source}: {complaint}", f"{manual} lists every key") from error
