"""Promised polling, on a gateway that polls and on one that does not: the promise is in their subject files alone."""

from pathlib import Path

import pytest

from tests.harness.paths import ROOT
from tests.suite.nested import finished

SUBJECT = """
[subject]
name = "promises to poll"
[loopback]
command = {command}
[environment]
PYTHONPATH = "{root}"
CALL_TIMEOUT_MS = "1500"
INITIAL_RECONNECT_BACKOFF_MS = "200"
MAX_RECONNECT_BACKOFF_MS = "400"
[promises]
call_timeout = 1.5
reconnects_within = 0.5
min_resolution_interval = 0.5
refresh_interval = 1.0
"""


@pytest.mark.parametrize(
    ("command", "keeps"),
    [
        ('["python", "-m", "tests.behaviours.gateways", "polling"]', True),
        ('["python", "-m", "services.gateway"]', False),
    ],
    ids=["polls", "does-not"],
)
def test_promised_polling_is_judged(command: str, tmp_path: Path, *, keeps: bool) -> None:
    """A gateway that queries every half second keeps a promise of one; the reference, which never polls, breaks it."""
    file = tmp_path / "subject.toml"
    file.write_text(SUBJECT.format(command=command, root=ROOT), encoding="utf-8")
    options = [f"--subject={file}", f"--report={tmp_path / 'report'}", "-m", "loopback", "-k", "promised_polling"]
    done = finished(*options, "-n0", within=200)

    assert (done.returncode == 0) is keeps, done.stdout
    assert ("shares are not even over" in done.stdout) is not keeps
