"""Where things lie: the tree with pyproject.toml, be it a clone or `suite` in the installed package."""

from pathlib import Path

ROOT = Path(__file__).parents[2]
TESTS = ROOT / "tests"
REFERENCE_DOCS = ROOT / "docs" / "reference"


def behaviour_files() -> list[Path]:
    """Return the files with behaviours: those of the themes, and what only one environment can host."""
    return sorted(
        [*TESTS.glob("behaviours/*/test_*.py"), *TESTS.glob("compose/test_*.py"), *TESTS.glob("kind/test_*.py")]
    )
