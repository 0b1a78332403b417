"""A run while it goes on: a line a behaviour, what is waited for where it can be seen, and nothing else disturbed."""

import contextlib
import os
import pty
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.harness.paths import ROOT
from tests.harness.plugin.kinds import kind_of
from tests.harness.plugin.progress import Teller
from tests.harness.plugin.showing import running
from tests.harness.report.course import Kind
from tests.harness.world.waits import Wait, under_way, waiting
from tests.unit.helpers.inner_run import run

SLOW = '''
import time

from tests.harness.report import screen
from tests.harness.world.eventually import eventually

screen.QUIET = 0.8

def test_pigs(orders):
    """Pigs fly."""
    began = time.monotonic()
    for look in eventually(within=30, what="pigs fly"):
        with look:
            assert time.monotonic() - began > 2.5
'''

SUITE = '''
import pytest
from tests.behaviours.distribution.mutants import LYING, PICK_FIRST

@pytest.mark.catches(LYING)
def test_right(orders, measured):
    """All is well."""
    measured("30 calls 10/10/10")
    assert orders.right

def test_wrong(orders):
    """The subject is wrong."""
    assert orders.name == "elsewhere", "it is not elsewhere"

def test_code(orders, other_code):
    """Each code is left alone."""

@pytest.mark.catches(LYING)
def test_blind(orders):
    """It notices nothing."""

@pytest.mark.parametrize("number", range(40))
def test_of_the_suite(number):
    assert number != 7
'''

WAITING = r"pigs +waiting \d\.\d of 30 s for: pigs fly"


def test_the_wait_that_began_last_is_the_one_under_way() -> None:
    """Waits within waits are told from inside, and are over when they end, however they do."""
    outer, inner = Wait("it stays even", 5.0), Wait("a replica is ready", 10.0)
    with waiting(outer):
        with contextlib.suppress(RuntimeError), waiting(inner):
            assert under_way() is inner
            raise RuntimeError
        assert under_way() is outer
    assert under_way() is not outer
    assert (outer.so, inner.so) == (True, False)


def test_a_wait_is_told_in_words() -> None:
    """It says what for, since when, and for how long at most."""
    began = time.monotonic() - 1.42

    assert str(Wait("order-service-2 is ready", 6.0, began=began)) == "order-service-2 is ready: 1.4 of at most 6 s"
    assert str(Wait("nobody asks", 1.5, lasting=True, began=began)) == "nobody asks: 1.4 of 1.5 s"


def test_one_process_tells_and_another_one_reads(tmp_path: Path) -> None:
    """The present behaviour of each process is read with its wait, and none where none runs."""
    first, second = Teller(tmp_path / "gw0.json"), Teller(tmp_path / "gw1.json")
    for teller in (first, second):
        teller.stop()  # told by hand from here on
        teller._behaviour = "calls go round"
    wait = Wait("a is ready", 6.0)
    first.tell(wait)
    second.tell(None)
    (tmp_path / "gw2.json").write_text('{"half of', encoding="utf-8")
    one, other = running(tmp_path)

    assert (one.behaviour, other.behaviour) == ("calls go round", "calls go round")
    assert one.wait is not None
    assert (one.wait.what, one.wait.within, one.wait.began) == (wait.what, wait.within, wait.began)
    assert other.wait is None
    second.pytest_runtest_logfinish()
    second.tell(None)
    assert len(running(tmp_path)) == 1


@pytest.mark.parametrize(
    ("node_id", "kind"),
    [
        ("tests/behaviours/retry/test_retry.py::test_x[loopback]", Kind.BEHAVIOUR),
        ("tests/behaviours/retry/test_retry.py::test_x[loopback-ABORTED]@group", Kind.BEHAVIOUR),
        ("tests/kind/test_pods.py::test_x[kind-pick_first]", Kind.CONTROL),
        ("tests/behaviours/retry/test_retry.py::test_x[loopback-waits_for_a_replica]", Kind.OTHER),
        ("tests/unit/harness/test_x.py::test_x[loopback]", Kind.OTHER),
        ("tests/suite/test_x.py::test_x", Kind.OTHER),
    ],
)
def test_a_test_is_told_by_its_id(node_id: str, kind: Kind) -> None:
    """That is all that a controller knows of what its workers are going to run."""
    assert kind_of(node_id) is kind


def _lines(output: str) -> list[str]:
    """Return the lines of a run between its beginning and its tables."""
    lines = output.splitlines()
    first = next(at for at, line in enumerate(lines) if "collected " in line or "workers [" in line)
    last = next(at for at, line in enumerate(lines) if at > first and line.startswith(("====", "----")))
    return [line for line in lines[first + 1 : last] if line.strip()]


@pytest.mark.parametrize("options", [["-n0"], ["-n2"], ["-n0", "-s"]], ids=" ".join)
def test_each_behaviour_is_one_line_and_other_tests_are_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, options: list[str]
) -> None:
    """Codes are one line; what fails has one by name: a behaviour, a control that is not caught, a test."""
    monkeypatch.setenv("COLUMNS", "80")  # xdist gives its workers the terminal's
    outcome = run(tmp_path, SUITE, *options)
    lines = _lines(outcome.output)

    assert sorted(re.sub(r"^ ?[0-9]+/[0-9]+ +| +[0-9.]+ s$", "", line).split("  ")[0] for line in lines) == sorted(
        [
            "FAILED test_inner.py::test_of_the_suite[7]",
            "blind",
            "code: 15 of 15 codes",
            "lying: blind",
            "right",
            "wrong",
        ]
    )
    assert sum(line.startswith("18/18 ") for line in lines) == 1
    assert [line.split()[-3] for line in lines if "  wrong " in line] == ["FAILS"]
    assert all(len(line) <= 80 for line in lines)
    assert "\x1b" not in outcome.output
    assert re.match(r"=+ 3 failed, 56 passed, 1 xfailed in [0-9.]+s =+$", outcome.output.splitlines()[-1])


def test_verbose_names_everything(tmp_path: Path) -> None:
    """Each code, each mutant that was caught and each test has its line too, and still but one."""
    lines = _lines(run(tmp_path, SUITE, "-n0", "-v").output)

    assert len(lines) == 18 + 2 + 40
    assert sum("lying: right" in line for line in lines) == 1
    assert sum("passed test_inner.py::test_of_the_suite[8]" in line for line in lines) == 1


@contextlib.contextmanager
def _on_a_terminal(folder: Path, *options: str) -> Iterator[tuple[subprocess.Popen[bytes], int]]:
    """Run the suite in this folder on a terminal of its own; give the process and our end of the terminal."""
    ours, theirs = pty.openpty()
    environ = {key: value for key, value in os.environ.items() if not key.startswith("PYTEST_")}
    process = subprocess.Popen(  # noqa: S603, our own pytest
        [sys.executable, "-m", "pytest", *options],
        cwd=folder,
        env={**environ, "PYTHONPATH": str(ROOT), "TERM": "xterm", "LINES": "24", "COLUMNS": "100"},
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
    )
    os.close(theirs)
    try:
        yield process, ours
    finally:
        process.kill()
        process.wait()
        os.close(ours)


def _sent(ours: int, *, until: str = "") -> str:
    """Return what is sent to a terminal, until these words are, or nobody has its other end any more."""
    sent = ""
    while not until or until not in sent:
        try:
            sent += os.read(ours, 65536).decode(errors="replace")
        except OSError:
            return sent
    return sent


@pytest.mark.parametrize("workers", ["-n0", "-n2"])
def test_a_terminal_shows_what_a_run_waits_for(workers: str, tmp_path: Path) -> None:
    """With and without workers the wait stands below; in the end the cursor is back and no file is left."""
    run(tmp_path, SLOW, "--collect-only")
    with _on_a_terminal(tmp_path, workers) as (process, ours):
        sent = _sent(ours)
        status = process.wait(60)

    assert status == 0
    assert re.search(r"0 of 1 behaviours; \d s", sent)
    assert re.search(WAITING, re.sub(r"\x1b\[[0-9;]*m", "", sent))
    assert sent.count("\x1b[?25l") == sent.count("\x1b[?25h") == 1
    assert sent.index("\x1b[?25l") < sent.index("1/1") < sent.index("\x1b[?25h") < sent.index("1 passed")
    assert not (tmp_path / "report" / ".progress").exists()


def test_an_interrupted_run_gives_the_terminal_back(tmp_path: Path) -> None:
    """With Ctrl-C the cursor is back and pytest's own summary is the last that is said."""
    run(tmp_path, SLOW, "--collect-only")
    with _on_a_terminal(tmp_path, "-n0") as (process, ours):
        before = _sent(ours, until="pigs fly")
        os.killpg(process.pid, signal.SIGINT)
        after = _sent(ours)
        status = process.wait(60)

    assert status == 2
    assert "\x1b[?25l" in before
    assert "\x1b[?25h" in after
    assert "KeyboardInterrupt" in after
    assert not (tmp_path / "report" / ".progress").exists()


@pytest.mark.parametrize("options", [["-s"], ["--pdb"]], ids=" ".join)
def test_a_terminal_to_which_others_write_is_not_redrawn(tmp_path: Path, options: list[str]) -> None:
    """Without capture tests write to it too, and so does a debugger: then there are plain lines."""
    run(tmp_path, SUITE, "--collect-only")
    with _on_a_terminal(tmp_path, "-n0", *options, "-k", "right and not lying") as (process, ours):
        sent = _sent(ours)
        status = process.wait(60)

    assert status == 0
    assert "1/1  right" in sent
    assert "\x1b[?25l" not in sent


def test_a_breakpoint_has_the_terminal_for_itself(tmp_path: Path) -> None:
    """What is under way is not drawn while a debugger asks, and is again when it has let go."""
    run(tmp_path, 'def test_stop(orders):\n    """It stops."""\n    breakpoint()\n', "--collect-only")
    with _on_a_terminal(tmp_path, "-n0") as (process, ours):
        before = _sent(ours, until="(Pdb) ")
        os.write(ours, b"c\n")
        after = _sent(ours)
        status = process.wait(60)

    assert status == 0
    assert before.count("\x1b[?25l") == before.count("\x1b[?25h") == 1
    assert "\x1b[?25l" in after
    assert "1/1" in after


def test_where_there_is_no_terminal_a_long_wait_is_a_line(tmp_path: Path) -> None:
    """A wait that lasts is printed as a whole line, with how far the run is, without any control sequence."""
    outcome = run(tmp_path, SLOW)

    assert outcome.status == 0
    assert re.search(
        r"^0 of 1 behaviours; \d s; pigs: waiting \d\.\d of 30 s for: pigs fly$", outcome.output, re.MULTILINE
    )
    assert "\x1b" not in outcome.output


def test_a_quiet_run_stays_quiet(tmp_path: Path) -> None:
    """With -q pytest shows its dots and nothing is said on the way."""
    output = run(tmp_path, SLOW, "-q").output

    assert "waiting" not in output
    assert "1/1" not in output
    assert output.startswith(".")


def test_a_worker_that_crashes_is_named_and_the_run_goes_on(tmp_path: Path) -> None:
    """Xdist's own line stands there as it is written, and the behaviour is counted as over."""
    crash = 'import os\n\ndef test_crash(orders):\n    """It dies."""\n    os._exit(3)\n'
    outcome = run(tmp_path, crash + '\ndef test_right(orders):\n    """All is well."""\n', "-n2")

    assert outcome.status == 6
    assert "INCONCLUSIVE test_inner.py::test_crash[loopback]" in outcome.output
    assert re.search(r"\[gw\d\] node down", outcome.output)
    assert "2/2" in outcome.output or "1/2" in outcome.output
