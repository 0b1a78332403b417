"""
`python -m tests.harness.commands.locks`: whether the lock files are those of pyproject.toml.

It needs no network. Each lock file names exactly what it is made of, in a version that is allowed; each package has
its hashes, and the same version everywhere. Newer versions are Dependabot's to propose.
"""

import re
import sys
import tomllib
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.harness.paths import ROOT

RECIPE = re.compile(r"^\t\$\(LOCK\) (?P<options>.*) -o (?P<file>\S+)$", re.MULTILINE)
"""A line of `make lock`: what a lock file is made of."""

PIN = re.compile(r"^(?P<pin>[a-z0-9][^\s\\]*==[^\\]+?)(?: \\)?\n(?P<rest>(?:    .*\n)*)", re.MULTILINE)
"""A package of a lock file, with its hashes and what requires it."""

OURS = "grpc-lb-conformance (pyproject.toml"
"""How a lock file names pyproject.toml, as what requires a package."""


@dataclass(frozen=True)
class Lock:
    """A lock file: its pins, by the names of the packages, and the names of those that pyproject.toml requires."""

    pins: Mapping[str, frozenset[str]]
    direct: frozenset[str]
    unhashed: frozenset[str]

    @classmethod
    def of(cls, text: str) -> "Lock":
        """Read a lock file."""
        pins: dict[str, set[str]] = defaultdict(set)
        direct, unhashed = set(), set()
        for found in PIN.finditer(text):
            requirement = Requirement(found["pin"])
            name = canonicalize_name(requirement.name)
            pins[name].add(str(requirement.specifier).removeprefix("=="))
            direct |= {name} if OURS in found["rest"] else set()
            unhashed |= set() if "--hash=sha256:" in found["rest"] else {name}
        return cls(
            {name: frozenset(versions) for name, versions in pins.items()}, frozenset(direct), frozenset(unhashed)
        )


def complaints(root: Path = ROOT) -> Iterator[str]:
    """Yield what is wrong with the lock files."""
    project = tomllib.loads(_text(root / "pyproject.toml"))
    recipes = {recipe["file"]: recipe["options"] for recipe in RECIPE.finditer(_text(root / "Makefile"))}
    present = {
        str(path.relative_to(root)) for path in (*root.glob("requirements*.txt"), *root.glob("services/req*.txt"))
    }
    yield from (f"{file}: `make lock` does not write it" for file in sorted(present - set(recipes)))
    yield from (f"{file}: missing" for file in sorted(set(recipes) - present))
    texts = {file: _text(root / file) for file in sorted(present & set(recipes))}
    yield from (f"{file}: names a host" for file, text in texts.items() if "://" in text)
    locks = {file: Lock.of(text) for file, text in texts.items()}
    for file, lock in locks.items():
        yield from (f"{file}: {what}" for what in _of_one(lock, required(project, recipes[file])))
    yield from _of_all(locks)
    if project["build-system"]["requires"] != project["dependency-groups"]["build"]:
        yield "pyproject.toml: [build-system] and the group build differ"


def required(project: Mapping[str, Any], options: str) -> list[Requirement]:
    """Return what a lock file is made of, by the options of its line of `make lock`."""
    words = options.split()
    named = list(project["project"]["dependencies"]) if "pyproject.toml" in words else []
    for option, value in pairwise(words):
        if option == "--extra":
            named += project["project"]["optional-dependencies"][value]
        if option == "--group":
            named += project["dependency-groups"][value]
    return [Requirement(text) for text in named]


def _text(file: Path) -> str:
    return file.read_text(encoding="utf-8")


def _of_one(lock: Lock, wanted: list[Requirement]) -> Iterator[str]:
    names = {canonicalize_name(requirement.name) for requirement in wanted}
    yield from (f"{name} is missing, which pyproject.toml requires" for name in sorted(names - lock.direct))
    yield from (f"{name} is not required by pyproject.toml any more" for name in sorted(lock.direct - names))
    yield from (f"{name} has no hash" for name in sorted(lock.unhashed))
    for requirement in wanted:
        for version in sorted(lock.pins.get(canonicalize_name(requirement.name), ())):
            if not requirement.specifier.contains(version, prereleases=True):
                yield f"{requirement.name} is {version}, and pyproject.toml requires {requirement.specifier}"


def _of_all(locks: Mapping[str, Lock]) -> Iterator[str]:
    places: dict[str, dict[frozenset[str], list[str]]] = defaultdict(lambda: defaultdict(list))
    for file, lock in locks.items():
        for name, versions in lock.pins.items():
            places[name][versions].append(file)
    for name, pinned in sorted(places.items()):
        if len(pinned) > 1:
            listed = "; ".join(
                f"{', '.join(sorted(versions))} in {', '.join(files)}" for versions, files in pinned.items()
            )
            yield f"{name} has different versions: {listed}"


def main() -> int:
    """Print what is wrong; return the exit status."""
    wrong = list(complaints())
    sys.stderr.writelines(f"{complaint}\n" for complaint in wrong)
    if wrong:
        sys.stderr.write("The lock files are stale: make lock\n")
    return bool(wrong)


if __name__ == "__main__":
    sys.exit(main())
