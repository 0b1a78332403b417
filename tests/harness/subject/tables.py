"""Tables of a subject file: read, and checked key by key, so that a mistake is one line that names what is expected."""

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.harness.harmless import HarmlessError
from tests.harness.suggestion import did_you_mean


class SubjectFileError(HarmlessError):
    """A subject file that cannot be used; the message names the file, the key and what is expected."""


Kind = type | tuple[type, ...]

TYPES: dict[Kind, str] = {
    str: "a string",
    int: "a whole number",
    float: "a number",
    bool: "true or false",
    list: "a list",
    dict: "a table",
    (float, str): "a number or a string",
}


def read_tables(path: Path) -> dict[str, Any]:
    """Return the tables of a file. Raises SubjectFileError for one that cannot be read."""
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise SubjectFileError(f"{path}: cannot be read: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SubjectFileError(f"{path}: is not valid TOML: {error}") from error
    except RecursionError:
        raise SubjectFileError(f"{path}: is nested too deeply") from None


def check(section: str, table: Mapping[str, Any], known: Mapping[str, Kind]) -> None:
    """Raise SubjectFileError for a key that is not known, or whose value is not of its kind."""
    refuse_unknown(f"key in [{section}]", table, list(known))
    for key, value in table.items():
        if not fits(value, known[key]):
            raise SubjectFileError(f"[{section}] {key} is {value!r}: must be {TYPES[known[key]]}")


def fits(value: object, kind: Kind) -> bool:
    """Say whether a value is of a kind: a whole number is a number too, and what is true or false is neither."""
    kinds = kind if isinstance(kind, tuple) else (kind,)
    if isinstance(value, bool):
        return bool in kinds
    return isinstance(value, (*kinds, int) if float in kinds else kinds)


def refuse_unknown(what: str, given: object, known: list[str]) -> None:
    """Raise SubjectFileError for the first of these names that is not known."""
    for name in given if isinstance(given, (list, dict)) else []:
        if name not in known:
            raise SubjectFileError(f"unknown {what}: {name!r}{did_you_mean(str(name), known)}")


def strings(what: str, values: list[object]) -> list[str]:
    """Return a list of strings, none of them empty. Raises SubjectFileError for any other list."""
    if not all(isinstance(value, str) and value for value in values):
        raise SubjectFileError(f"{what} is {values!r}: must be a list of non-empty strings")
    return [str(value) for value in values]


def text_values(section: str, tables: Mapping[str, Any]) -> dict[str, str]:
    """Return a section whose keys are the user's own. Raises SubjectFileError for a value that is not a string."""
    table = tables.get(section, {})
    for key, value in table.items():
        if not isinstance(value, str):
            raise SubjectFileError(f"[{section}] {key} is {value!r}: must be a string")
    return dict(table)
