"""What stands in causes.toml: the causes in words, and for each the setting that mends it, by language."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

FILE = Path(__file__).with_name("causes.toml")

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
"""The keys of causes.toml, in the order in which they are shown, and how they are called."""

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
    """A cause by its name, in one sentence, and what mends it by the key of the language."""

    name: str
    text: str
    settings: Mapping[str, Setting]


def read(path: Path = FILE) -> Mapping[str, Cause]:
    """Read the causes. Raises KeyError for settings that are not there, TypeError for one without its source."""
    tables = tomllib.loads(path.read_text(encoding="utf-8"))
    groups = {
        name: {language: Setting(*pair) for language, pair in group.items()}
        for name, group in tables["settings"].items()
    }
    causes = {name: Cause(name, each["text"], groups[each["settings"]]) for name, each in tables["causes"].items()}
    return MappingProxyType(causes)


def language_key(language: str) -> str:
    """Return the key for what a subject file calls its language, "" if it is none of ours."""
    return _KEYS.get(language.strip().lower(), "")


def remedy(cause: Cause, language: str) -> list[str]:
    """Return what to set, a line for each that fits the language: all of them where it is not known."""
    key = language_key(language)
    if key and key in cause.settings:
        return [cause.settings[key].text]
    if ANY in cause.settings and (key or len(cause.settings) == 1):
        return [cause.settings[ANY].text]
    shown = [each for each in LANGUAGES if each in cause.settings]
    return [f"{LANGUAGES[each]}: {cause.settings[each].text}" for each in shown]


CAUSES = read()
