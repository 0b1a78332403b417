"""Which version of the suite this is, so that a verdict can be traced to the judges that gave it."""

import subprocess
import tomllib
from functools import cache
from pathlib import Path

from tests.harness.paths import ROOT


@cache
def suite_version(root: Path = ROOT) -> str:
    """Return version and commit, "0.1.0 (e972877)"; "-dirty" behind a commit that was changed since."""
    commit = _commit(root)
    return f"{released(root)} ({commit})" if commit else released(root)


def released(root: Path = ROOT) -> str:
    """Return the version alone, "0.1.0"."""
    return str(tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"])


def _commit(root: Path) -> str:
    """Return the commit that is checked out there, "" where it is not a separate repository or there is no git."""
    if not (root / ".git").exists():
        return ""
    command = ["git", "-C", str(root), "describe", "--always", "--dirty", "--exclude=*"]
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()  # noqa: S603, our own
    except (OSError, subprocess.CalledProcessError):
        return ""
