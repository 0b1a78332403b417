"""Where things are: the tree with pyproject.toml, either a clone or `suite` in the installed package."""

from pathlib import Path

ROOT = Path(__file__).parents[2]
TESTS = ROOT / "tests"
REFERENCE_DOCS = ROOT / "docs" / "reference"
