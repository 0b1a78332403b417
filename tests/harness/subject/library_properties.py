"""
What gRPC libraries are known to do that fails a behaviour: the table is library_properties.toml.

A behaviour that fails where a row applies fails for the library, no matter what the gateway does; one that holds there
shows that the row is out of date.
"""

import re
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

FILE = Path(__file__).with_suffix(".toml")

NONE = "none"
"""In place of a library: the gateway is built with none of the table, so no row applies."""

PREFIX = "library property, not yours: "

_VERSION = re.compile(r"v?([0-9]+(?:\.[0-9]+)*)")


@dataclass(frozen=True)
class Property:
    """One row; the table itself describes its members."""

    library: str
    behaviours: tuple[str, ...]
    does: str
    source: str
    issue: str
    seen: str
    since: str = ""
    fixed: str = ""
    cause: str = ""
    varies: str = ""

    @property
    def words(self) -> str:
        """What is reported where the behaviour fails."""
        known = self.issue or "no issue known"
        return f"{PREFIX}{self.library} {self.does} ({self.source}; {known}; seen with {self.seen})"

    def applies_to(self, version: str) -> bool:
        """Say whether a version of the library does it; one that is not known may."""
        number = _number(version)
        if not number:
            return True
        return _number(self.since) <= number and (not self.fixed or number < _number(self.fixed))


@dataclass(frozen=True)
class Library:
    """A library of the table: its name, what else it is called, and the languages whose default it is."""

    name: str
    also: tuple[str, ...]
    languages: tuple[str, ...]


@cache
def libraries() -> Sequence[Library]:
    """Return the libraries of the table."""
    return [Library(name, tuple(row["also"]), tuple(row["languages"])) for name, row in _tables()["libraries"].items()]


@cache
def properties() -> Sequence[Property]:
    """Return every row. Raises TypeError for one with a member that it cannot have, or without one that it must."""
    return [Property(**{**row, "behaviours": tuple(row["behaviours"])}) for row in _tables()["properties"]]


def names() -> list[str]:
    """Return every name that a subject file may give as its library."""
    return [name for library in libraries() for name in (library.name, *library.also)] + [NONE]


def identified(text: str) -> tuple[str, str]:
    """Return the table's name for "grpcio 1.85.1", and the version; "" for what is not there."""
    name, _, version = text.strip().partition(" ")
    return _by_name().get(name.lower(), ""), version.strip()


def default_for(language: str) -> str:
    """Return the library that gateways in this language are built with by default, "" if it is not known."""
    spoken = language.strip().lower()
    return next((library.name for library in libraries() if spoken in library.languages), "")


def language_of(library: str) -> str:
    """Return the language of gateways that are built with a library, "name version"; "" if it is not known."""
    if library.startswith("grpcio"):
        return "python"  # of those on C-core
    name, _ = identified(library)
    return next((each.languages[0] for each in libraries() if each.name == name), "")


def properties_of(library: str, language: str) -> Sequence[Property]:
    """Return the rows that apply to a gateway built with `library`, "name version"; "" leaves it to its language."""
    name, version = identified(library) if library else (default_for(language), "")
    return [row for row in properties() if row.library == name and row.applies_to(version)]


@cache
def _tables() -> dict[str, Any]:
    return tomllib.loads(FILE.read_text(encoding="utf-8"))


@cache
def _by_name() -> dict[str, str]:
    return {name.lower(): library.name for library in libraries() for name in (library.name, *library.also)}


def _number(version: str) -> tuple[int, ...]:
    """Return a version as numbers that compare, () if it has none."""
    found = _VERSION.match(version)
    return tuple(map(int, found[1].split("."))) if found else ()
