"""A page of docs/reference that is generated: printed, or with `--check` compared with the one that is there."""

import sys
from pathlib import Path

from tests.harness.paths import ROOT


def print_or_check(file: Path, page: str) -> int:
    """Print the page, or with `--check` report whether its file is stale; return the exit status."""
    if sys.argv[1:] != ["--check"]:
        sys.stdout.write(page)
        return 0
    if file.exists() and file.read_text(encoding="utf-8") == page:
        return 0
    shown = file.relative_to(ROOT) if file.is_relative_to(ROOT) else file
    sys.stderr.write(f"{shown} is stale: run `make docs`\n")
    return 1
