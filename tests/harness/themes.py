"""
The themes: everything in a theme's folder is found there, and listed nowhere else.

A theme is a folder of tests/behaviours, or that of an environment with behaviours that only it can host. It contains
`test_*.py`, and next to them `mutants*.py`, `gateways*.py`, `controls*.py`, `causes*.py` and `causes.toml`. What
several themes share is one level up, in tests/behaviours itself.
"""

import importlib
import inspect
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import TypeVar

from tests.harness.paths import ROOT, TESTS
from tests.harness.subject.control import Control
from tests.harness.subject.mutant import Mutant

Declared = TypeVar("Declared", Mutant, Control)


def folders() -> list[Path]:
    """Return the folders of the themes by name, with those of the environments last."""
    themes = sorted({file.parent for file in TESTS.glob("behaviours/*/test_*.py")})
    return [*themes, TESTS / "compose", TESTS / "kind"]


def behaviour_files() -> list[Path]:
    """Return the files with behaviours, theme by theme."""
    return [file for folder in folders() for file in sorted(folder.glob("test_*.py"))]


def modules(kind: str) -> list[ModuleType]:
    """Return the modules of one kind, "mutants", "gateways", "controls" or "causes", theme by theme."""
    files = [file for folder in folders() for file in sorted(folder.glob(f"{kind}*.py"))]
    return [importlib.import_module(module_name(file)) for file in files]


def module_name(file: Path) -> str:
    """Return the name under which a file of this tree is imported."""
    return ".".join(file.relative_to(ROOT).with_suffix("").parts)


@cache
def mutants() -> tuple[Mutant, ...]:
    """Return all mutants, those that several themes share first."""
    shared = importlib.import_module("tests.behaviours.mutants")
    found = [mutant for module in (shared, *modules("mutants")) for mutant in _declared(module, Mutant)]
    return tuple({mutant.name: mutant for mutant in found}.values())


@cache
def controls() -> tuple[Control, ...]:
    """Return all gateways that are right and unlike most."""
    found = [control for module in modules("controls") for control in _declared(module, Control)]
    return tuple({control.name: control for control in found}.values())


def _declared(module: ModuleType, kind: type[Declared]) -> Iterator[Declared]:
    for value in vars(module).values():
        values = value if isinstance(value, tuple) else (value,)
        yield from (member for member in values if isinstance(member, kind))


def own_functions(module: ModuleType) -> Iterator[tuple[str, object]]:
    """Yield the public functions that a module itself defines, with their names, in source order."""
    for name, value in vars(module).items():
        if inspect.isfunction(value) and value.__module__ == module.__name__ and not name.startswith("_"):
            yield name, value
