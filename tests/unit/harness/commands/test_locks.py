"""What `make fresh` says about lock files that are not those of pyproject.toml."""

import re
import shutil
from pathlib import Path

import pytest

from tests.harness.commands.locks import RECIPE, Lock, complaints, main
from tests.harness.paths import ROOT

FILES = ("Makefile", "pyproject.toml", *sorted(path.name for path in ROOT.glob("requirements*.txt")))


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """Return a folder with what is compared, as it is here."""
    (tmp_path / "services").mkdir()
    for file in (*FILES, "services/requirements.txt"):
        shutil.copyfile(ROOT / file, tmp_path / file)
    return tmp_path


def edit(file: Path, pattern: str, replacement: str) -> None:
    """Replace the first place of a file that matches."""
    edited, found = re.subn(pattern, replacement, file.read_text(encoding="utf-8"), count=1, flags=re.MULTILINE)
    assert found == 1
    file.write_text(edited, encoding="utf-8")


def test_those_of_this_clone_are_fresh(clone: Path) -> None:
    """Each is read whole: a lock file without pins would have nothing wrong."""
    assert main() == 0
    assert list(complaints(clone)) == []
    for recipe in RECIPE.finditer((clone / "Makefile").read_text(encoding="utf-8")):
        text = (clone / recipe["file"]).read_text(encoding="utf-8")
        lock = Lock.of(text)
        assert sum(map(len, lock.pins.values())) == len(re.findall(r"^\S+==", text, re.MULTILINE)) > 0
        assert lock.direct


@pytest.mark.parametrize(
    ("file", "pattern", "replacement", "complaint"),
    [
        (
            "pyproject.toml",
            r'^  "rich>=',
            '  "attrs>=20",\n  "rich>=',
            "attrs is missing, which pyproject.toml requires",
        ),
        ("pyproject.toml", r'^  "xxhash>=.*\n', "", "xxhash is not required by pyproject.toml any more"),
        ("pyproject.toml", r'^  "psutil>=7"', '  "psutil>=99"', "psutil is .*, and pyproject.toml requires >=99"),
        ("pyproject.toml", r'^requires = \["hatchling==', 'requires = ["hatchling>=', "the group build differ"),
        (
            "requirements.txt",
            r"^rich==\S+",
            "rich==15.99",
            "rich has different versions: .*; 15.99 in requirements.txt",
        ),
        (
            "requirements.txt",
            r"^rich==(\S+) \\\n(    --hash.*\n)+",
            r"rich==\1\n",
            "requirements.txt: rich has no hash",
        ),
        ("requirements.txt", r"\A", "--index-url https://x.example/\n", "requirements.txt: names a host"),
        ("services/requirements.txt", r"^grpcio==\S+", "grpcio==1.0", "grpcio has different versions"),
        (
            "Makefile",
            r"^\t\$\(LOCK\).*requirements-site.txt\n",
            "",
            "requirements-site.txt: `make lock` does not write",
        ),
        ("Makefile", r"-o requirements-site.txt", "-o requirements-new.txt", "requirements-new.txt: missing"),
    ],
)
def test_what_differs_is_said(clone: Path, file: str, pattern: str, replacement: str, complaint: str) -> None:
    """What is required, allowed, pinned, hashed and written."""
    edit(clone / file, pattern, replacement)

    assert re.search(complaint, "\n".join(complaints(clone)))
