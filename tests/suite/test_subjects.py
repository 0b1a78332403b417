"""What the suite reports of gateways from outside: verdicts in words, within their budgets, no traceback of ours."""

from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.harness.paths import ROOT
from tests.suite.nested import finished

SUBJECT = """
[subject]
name = "a gateway from outside"
[loopback]
command = ["python", "-m", "tests.suite.bad_gateways", "{gateway}"]
[environment]
PYTHONPATH = "{root}"
[promises]
call_timeout = 1.0
"""


@dataclass(frozen=True)
class Outcome:
    """What a run of the suite left."""

    status: int
    output: str

    @property
    def words(self) -> str:
        """The output on one line, as wrapping depends on its length."""
        return " ".join(self.output.split())


def judge(gateway: str, folder: Path, *, behaviours: str = "serial_calls or concurrent_calls_are_spread") -> Outcome:
    """Run some behaviours against one of the bad gateways, whose subject file stands in a separate folder."""
    file = folder / "subject.toml"
    file.write_text(SUBJECT.format(gateway=gateway, root=ROOT), encoding="utf-8")
    options = [f"--subject={file}", f"--report={folder / 'report'}", "-m", "loopback", "-k", behaviours, "-n0"]
    done = finished(*options, within=120)
    return Outcome(done.returncode, done.stdout)


@pytest.mark.parametrize(
    ("gateway", "words"),
    [
        (
            "does_not_start",
            "the gateway does not start: gateway exited with status 1; last output: config.yaml: line 3",
        ),
        ("nonsense", "HTTP 200: <h1>It works!</h1>"),
        ("garbage", "the gateway dropped the connection"),
        ("hangs", "no reply within 2.2 s"),
    ],
)
def test_a_program_that_is_no_gateway_is_told_so(gateway: str, words: str, tmp_path: Path) -> None:
    """A subject that serves no order at all is inconclusive, exit status 6, and the reason is printed once in words."""
    outcome = judge(gateway, tmp_path)

    assert outcome.status == 6
    assert outcome.words.count(words) == 1
    assert "none of 2 behaviours could be judged" in outcome.words
    assert "Traceback" not in outcome.output


@pytest.mark.parametrize(("gateway", "words"), [("dies_midway", "out of cheese"), ("dies_idle", "nothing to do")])
def test_a_gateway_that_dies_is_nonconformant(gateway: str, words: str, tmp_path: Path) -> None:
    """A subject that dies in a behaviour, or after it, is nonconformant, exit status 1; its last words are shown."""
    outcome = judge(gateway, tmp_path)

    assert outcome.status == 1
    assert "gateway exited with status 70; last output:" in outcome.words
    assert f"fatal: {words}" in outcome.words
    assert "Traceback" not in outcome.output


def test_a_gateway_that_stops_answering_is_nonconformant(tmp_path: Path) -> None:
    """A subject that leaves an order unanswered beyond its promised deadline is nonconformant and not waited for."""
    outcome = judge("hangs_midway", tmp_path)

    assert outcome.status == 1
    assert "no reply within 2.2 s" in outcome.words
    assert "Traceback" not in outcome.output


def test_a_command_that_cannot_be_run_is_told_so(tmp_path: Path) -> None:
    """A command that is not there is named in one line."""
    options = ["--gateway-command=./no-such-gateway --port 1", f"--report={tmp_path}", "-n0"]
    options += ["-m", "loopback", "-k", "serial_calls"]
    done = finished(*options, within=120)

    assert done.returncode == 6
    assert "'./no-such-gateway': No such file or directory" in " ".join(done.stdout.split())


def test_a_run_that_has_missed_our_settings_is_refused(tmp_path: Path) -> None:
    """Paths after a space make pytest look for its settings there; that is one line, exit status 4."""
    for name in ("kubeconfig", "kubectl"):
        (tmp_path / name).touch()
    options = ["--kubeconfig", str(tmp_path / "kubeconfig"), "--kind-kubectl-bin", str(tmp_path / "kubectl")]
    done = finished(*options, "--collect-only", within=120)

    assert done.returncode == 4
    assert "Use `--subject=FILE`, `--report=DIR`, with an equals sign" in done.stdout
