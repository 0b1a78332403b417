"""A run of the suite next to this one, as the suite's own tests look at whole runs."""

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

from tests.harness.paths import ROOT


def started(
    *options: str,
    output: int = subprocess.DEVNULL,
    temporary: Path | None = None,
    variables: Mapping[str, str] = MappingProxyType({}),
) -> subprocess.Popen[str]:
    """Start a run with these options, in the suite's folder; output and temporary files go where they are wanted."""
    # a worker's own variables would make the inner run think that it is one
    environ = {key: value for key, value in os.environ.items() if not key.startswith("PYTEST_")} | dict(variables)
    if temporary is not None:
        environ["TMPDIR"] = str(temporary)
    command = [sys.executable, "-m", "pytest", *options]
    return subprocess.Popen(  # noqa: S603, our own pytest
        command, cwd=ROOT, env=environ, stdout=output, stderr=subprocess.STDOUT, text=True
    )


def finished(
    *options: str, within: float = 300, variables: Mapping[str, str] = MappingProxyType({})
) -> subprocess.CompletedProcess[str]:
    """Return a run with all its output. Raises TimeoutExpired, the run ended, if it hangs for that many seconds."""
    with started(*options, output=subprocess.PIPE, variables=variables) as run:
        try:
            said, _ = run.communicate(timeout=within)
        except subprocess.TimeoutExpired:
            run.kill()
            raise
    return subprocess.CompletedProcess(run.args, run.returncode, said)
