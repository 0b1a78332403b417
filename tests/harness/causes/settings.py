"""
The causes in words, and for each the setting that fixes it, by language.

They are in the causes.toml of each theme; settings shared by several themes are in settings.toml, next to this file. A
setting is [what to set, where that is documented]; `any` stands for every language. The libraries' own sources were
read at the commits of August 2026 (grpc-go 1.80-dev, grpc-java 1.80-dev), July 2026 (grpc-dotnet), May 2026 (tonic
0.14) and April 2026 (grpc-js 1.14). C-core is C++, Python, Ruby and PHP.
"""

import tomllib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

from tests.harness.themes import folders

SHARED = Path(__file__).with_name("settings.toml")

ANY = "any"
LANGUAGES = {
    ANY: "any language",
    "go": "Go",
    "java": "Java",
    "node": "Node",
    "c_core": "C++, Python (C-core)",
    "dotnet": ".NET",
    "rust": "Rust (tonic)",
}
"""The keys of a setting, in the order in which they are shown, and their display names."""

_SPOKEN = {
    "go": ("go", "golang"),
    "java": ("java", "kotlin", "scala"),
    "node": ("node", "nodejs", "javascript", "typescript"),
    "c_core": ("c++", "cpp", "python", "ruby", "php"),
    "dotnet": (".net", "dotnet", "c#", "csharp", "f#"),
    "rust": ("rust",),
}
_KEYS = {name: key for key, names in _SPOKEN.items() for name in names}


@dataclass(frozen=True)
class Setting:
    """What to set, and where that is documented."""

    text: str
    source: str


@dataclass(frozen=True)
class Cause:
    """
    A cause by its name, in one sentence, and what fixes it by the key of the language.

    `config` is the member of the service config that fixes it, "" if it is something else (one_config.py). `alike` are
    causes from which the evidence of one behaviour may not tell it, so that several are named.
    """

    name: str
    text: str
    settings: Mapping[str, Setting]
    config: str = ""
    alike: Sequence[str] = ()


def read(files: Iterable[Path]) -> Mapping[str, Cause]:
    """
    Read the causes of these files.

    Raises KeyError for missing settings, TypeError for a setting without its source, ValueError for a second cause or
    group of settings of the same name.
    """
    tables = _tables(files)
    return _causes(tables, _groups(tables))


def _causes(tables: Sequence[Mapping[str, Any]], groups: Mapping[str, Mapping[str, Setting]]) -> Mapping[str, Cause]:
    return MappingProxyType(
        {
            name: Cause(
                name, cause["text"], groups[cause["settings"]], cause.get("config", ""), tuple(cause.get("alike", ()))
            )
            for name, cause in _merged(tables, "causes").items()
        }
    )


def _tables(files: Iterable[Path]) -> Sequence[Mapping[str, Any]]:
    return [tomllib.loads(file.read_text(encoding="utf-8")) for file in files]


def _groups(tables: Sequence[Mapping[str, Any]]) -> Mapping[str, Mapping[str, Setting]]:
    return {
        name: {language: Setting(*pair) for language, pair in group.items()}
        for name, group in _merged(tables, "settings").items()
    }


def alike(cause: str) -> Sequence[str]:
    """Return the causes from which one behaviour may not tell this one, none for an unknown name."""
    return CAUSES[cause].alike if cause in CAUSES else ()


def _files(theme: Path) -> Sequence[Path]:
    return sorted(theme.glob("causes*.toml"))


def _merged(tables: Sequence[Mapping[str, Any]], section: str) -> dict[str, Any]:
    """Return a section of all tables as one. Raises ValueError if a name is there twice."""
    names = Counter(name for table in tables for name in table.get(section, {}))
    if twice := [name for name, count in names.items() if count > 1]:
        raise ValueError(f"{section} defined twice: {', '.join(twice)}")
    return {name: entry for table in tables for name, entry in table.get(section, {}).items()}


def language_key(language: str) -> str:
    """Return the key for the language named in a subject file, "" if it is not one of ours."""
    return _KEYS.get(language.strip().lower(), "")


FOREIGN = "the setting of gRPC's own libraries, which yours may have under another name: "
"""What precedes the settings for a subject whose language or library is known to be none of ours."""


def remedy(cause: Cause, language: str) -> list[str]:
    """Return what to set for a cause, as `fitting` does."""
    return fitting(cause.settings, language)


def fitting(settings: Mapping[str, Setting], language: str) -> list[str]:
    """
    Return what to set, a line for each setting that fits the language: all of them if it is not known.

    A language that is none of ours has settings with other names, so its lines are marked as gRPC's own.
    """
    key = language_key(language)
    if language and not key:
        return [f"{FOREIGN if number == 0 else ''}{line}" for number, line in enumerate(fitting(settings, ""))]
    if key and key in settings:
        return [settings[key].text]
    if ANY in settings and (key or len(settings) == 1):
        return [settings[ANY].text]
    shown = [language for language in LANGUAGES if language in settings]
    return [f"{LANGUAGES[language]}: {settings[language].text}" for language in shown]


def causes_by_theme() -> Mapping[str, Sequence[str]]:
    """Return the names of the causes of each theme, by the name of its folder."""
    found = {folder.name: list(read([SHARED, *_files(folder)])) for folder in folders()}
    return {theme: names for theme, names in found.items() if names}


_TABLES = _tables([SHARED, *(file for folder in folders() for file in _files(folder))])

SETTINGS = MappingProxyType(_groups(_TABLES))
"""The groups of settings by name, for what is not wrong and could be better."""

CAUSES = _causes(_TABLES, SETTINGS)
