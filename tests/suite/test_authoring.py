"""docs/guides/authoring.md: its code is what a newcomer would type, and it works: extracted, checked and run."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.harness.paths import ROOT

GUIDE = ROOT / "docs" / "guides" / "authoring.md"
FILE = re.compile(r"^`(?P<path>[\w./]+)`:\n\n```\w+\n(?P<code>.*?)^```$", re.MULTILINE | re.DOTALL)
"""A path on a separate line, and the code that belongs into that file."""

THEME = Path("tests/behaviours/pauses")


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a copy of this tree with the files of the guide in it."""
    copy = tmp_path_factory.mktemp("authoring") / "tree"
    for name in ("conftest.py", "pyproject.toml", "services", "tests", "docs"):
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, copy / name, ignore=shutil.ignore_patterns("__pycache__", "node_modules", "target"))
        else:
            copy.mkdir(exist_ok=True)
            shutil.copy(source, copy / name)
    for path, code in files().items():
        (copy / path).parent.mkdir(parents=True, exist_ok=True)
        (copy / path).write_text(code, encoding="utf-8")
    return copy


def files() -> dict[str, str]:
    """Return the files of the guide, by their path."""
    return {found["path"]: found["code"] for found in FILE.finditer(GUIDE.read_text(encoding="utf-8"))}


def in_tree(tree: Path, *command: str) -> subprocess.CompletedProcess[str]:
    """Run a command of Python's in the copy."""
    return subprocess.run(  # noqa: S603, our own tools
        [sys.executable, "-m", *command], cwd=tree, capture_output=True, text=True, timeout=120, check=False
    )


def test_it_touches_few_files_and_no_list() -> None:
    """Four, all of them new, in one folder."""
    assert sorted(files()) == [
        str(THEME / name) for name in ("causes.py", "causes.toml", "mutants.py", "test_pauses.py")
    ]


def test_it_is_in_the_house_style(tree: Path) -> None:
    """As `make lint` and `make types` see it."""
    for command in (("ruff", "check"), ("ruff", "format", "--check"), ("mypy",)):
        done = in_tree(tree, *command, str(THEME))
        assert done.returncode == 0, done.stdout


def test_its_rule_fires_where_it_should_and_only_there(tree: Path) -> None:
    """The examples of its docstring, as the unit tests run them."""
    done = in_tree(tree, "pytest", "-q", "-n0", "tests/unit/behaviours/test_rules.py", "-k", "pauses")

    assert done.returncode == 0, done.stdout
    assert "1 passed" in done.stdout


def test_it_holds_and_convicts_its_mutant_of_the_true_cause(tree: Path) -> None:
    """The reference goes round, and the mutant is caught, with its cause."""
    done = in_tree(tree, "pytest", "-q", "-n2", "-m", "loopback", "-k", "pauses")

    assert done.returncode == 0, done.stdout
    assert "1 passed, 1 xfailed" in done.stdout
