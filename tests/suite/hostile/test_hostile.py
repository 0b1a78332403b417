"""
Hostile subjects: what each does, and what the suite reports of it, within how many seconds and how much memory.

No matter what a subject does, the run ends in time, its memory stays bounded, its words are plain, its exit status is
that of the table in docs/reference/reports.md, and nothing of it is left.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest

from tests.harness.paths import ROOT
from tests.suite.hostile.answers import ANSWERS
from tests.suite.hostile.judging import Outcome, finish
from tests.suite.hostile.processes import GATEWAYS, HABITS, STARTS
from tests.suite.nested import started

SUBJECT = """
[subject]
name = "a hostile gateway"
[loopback]
command = ["python", "-m", "tests.suite.hostile", "{program}"]
[environment]
PYTHONPATH = "{root}"
{mark} = "{folder}"
[promises]
call_timeout = 1.0
reconnects_within = 1.0
min_resolution_interval = 1.0
"""

CONFORMANT, NONCONFORMANT, INCONCLUSIVE = 0, 1, 6

SPREAD = "serial_calls or concurrent_calls_are_spread"
RECOVERY = "serial_calls or concurrent_calls_are_spread or recovers"

MARK = "GATEWAY_OF_TEST"
"""The variable that the program, and all that it starts, has in its environment: the folder of the test."""

NONE_JUDGED = "none of 2 behaviours could be judged"

LONGEST_LINE = 2000
"""Characters that a line of output may have, no matter what a subject sends."""


@dataclass(frozen=True)
class Row:
    """What is wanted of a run against one program."""

    program: str
    status: int | tuple[int, ...]
    words: tuple[str, ...] = ()
    seconds: float = 60.0
    megabytes: float = 200.0
    behaviours: str = SPREAD


ROWS = (
    # answers: none of them is an order, so there is nothing to judge
    Row("drips_length", INCONCLUSIVE, ("no reply within",)),
    Row("drips_chunk", INCONCLUSIVE, ("no reply within",)),
    Row("drips_headers", INCONCLUSIVE, ("no reply within",)),
    Row("drips_continue", INCONCLUSIVE, ("no reply within",)),
    Row("hangs", INCONCLUSIVE, ("no reply within 2.2 s", NONE_JUDGED)),
    Row("redirects_endlessly", INCONCLUSIVE),
    Row("redirects_nowhere", INCONCLUSIVE, ("HTTP 302",)),
    Row("endless_body", INCONCLUSIVE),
    Row("huge_header", INCONCLUSIVE),
    Row("many_headers", INCONCLUSIVE),
    Row("compressed_bomb", INCONCLUSIVE),
    Row("deep_json", INCONCLUSIVE),
    Row("huge_number", INCONCLUSIVE),
    Row("lone_surrogate", NONCONFORMANT, ("some calls were served by",)),
    Row("escapes", NONCONFORMANT, ("some calls were served by",)),
    Row("commands", INCONCLUSIVE),
    Row("garbage_http1", INCONCLUSIVE, ("the gateway dropped the connection", NONE_JUDGED)),
    Row("garbage_http2", INCONCLUSIVE),
    Row("strange_status", INCONCLUSIVE),
    Row("page", INCONCLUSIVE, ("HTTP 200: <h1>It works!</h1>", NONE_JUDGED)),
    Row("resets", INCONCLUSIVE, ("the gateway dropped the connection",)),
    # starts
    Row(
        "does_not_start",
        INCONCLUSIVE,
        (
            "the gateway does not start: gateway exited with status 1; last output: config.yaml: line 3",
            NONE_JUDGED,
        ),
    ),
    Row("never_listens", INCONCLUSIVE),
    Row("listens_elsewhere", INCONCLUSIVE),
    Row("listens_late", CONFORMANT),
    Row("daemonises", CONFORMANT),
    Row("wraps", CONFORMANT),
    Row("wraps_and_dies", CONFORMANT),
    # habits of a gateway that serves
    Row("dies", NONCONFORMANT, ("gateway exited with status 70; last output:", "fatal: out of cheese")),
    Row("dies_a_little_later", NONCONFORMANT, ("gateway exited with status 70",)),
    Row("stops_answering", NONCONFORMANT, ("no reply within 2.2 s",)),
    Row("dies_idle", NONCONFORMANT, ("gateway exited with status 70; last output:", "fatal: nothing to do")),
    Row("reconnects", (CONFORMANT, NONCONFORMANT, INCONCLUSIVE)),
    Row("shouts", (CONFORMANT, NONCONFORMANT, INCONCLUSIVE)),
    Row("kills_its_parent", CONFORMANT),
    Row("stops_its_parent", CONFORMANT),
    Row("shortens_its_log", CONFORMANT),
    Row("floods_its_log", CONFORMANT),
    Row("logs_without_a_newline", CONFORMANT),
    Row("logs_half_characters", CONFORMANT),
    Row("spins", (CONFORMANT, NONCONFORMANT)),
    Row("floods_the_name_server", NONCONFORMANT, ("nothing grows without bound",)),
    Row("floods_the_replicas", CONFORMANT),
    Row("is_deaf", CONFORMANT),
)


def test_every_program_has_its_row() -> None:
    """No program is left out of the table, and none stands in it twice."""
    names = [row.program for row in ROWS]
    assert sorted(names) == sorted([*ANSWERS, *GATEWAYS, *HABITS, *STARTS])


def judge(row: Row, folder: Path) -> Outcome:
    """Run behaviours against a program, whose subject file stands in a separate folder."""
    file = folder / "subject.toml"
    file.write_text(SUBJECT.format(program=row.program, root=ROOT, mark=MARK, folder=folder), encoding="utf-8")
    options = (f"--subject={file}", f"--report={folder / 'report'}", "-m", "loopback", "-k", row.behaviours, "-n0")
    said = folder / "said"
    with said.open("wb") as out, started(*options, output=out.fileno()) as run:
        return finish(run, said, row.seconds)


def left_of(folder: Path) -> Iterator[psutil.Process]:
    """Yield the processes that are left of what was started for the test of this folder."""
    for process in psutil.process_iter(["environ"]):
        if (process.info["environ"] or {}).get(MARK) == str(folder):
            yield process


FAST = {
    *("drips_chunk", "compressed_bomb", "escapes", "commands", "does_not_start", "daemonises", "wraps"),
    *("dies", "dies_a_little_later", "stops_answering", "stops_its_parent", "shortens_its_log", "page", "hangs"),
    *("garbage_http1", "dies_idle"),
}
"""The programs that `make test` runs; the others are run by `make hostile`."""


@pytest.mark.parametrize(
    "row",
    [pytest.param(row, id=row.program, marks=[] if row.program in FAST else [pytest.mark.hostile]) for row in ROWS],
)
def test_a_hostile_subject_does_no_harm(row: Row, tmp_path: Path) -> None:
    """The run against it ends as its row wants."""
    outcome = judge(row, tmp_path)
    wanted = row.status if isinstance(row.status, tuple) else (row.status,)

    assert outcome.status in wanted, outcome.output
    assert [words for words in row.words if words not in outcome.words] == []
    if NONE_JUDGED in row.words:  # the reason is printed once, not for each behaviour
        assert [outcome.words.count(words) for words in row.words] == [1, 1]
    assert "Traceback" not in outcome.output
    assert "INTERNALERROR" not in outcome.output
    assert "\x1b" not in outcome.output
    assert not [line for line in outcome.output.splitlines() if line.lstrip().startswith("::")]
    assert max(map(len, outcome.output.splitlines())) < LONGEST_LINE
    assert outcome.megabytes < row.megabytes
    assert list(left_of(tmp_path)) == []
