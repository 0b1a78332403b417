"""Two runs side by side: what changed its verdict or its measure, what is new and what was removed, at 80 columns."""

from dataclasses import asdict
from pathlib import Path

import pytest

from tests.harness.evidence.report_folder import SavedRun
from tests.harness.report.compare import comparison
from tests.harness.report.result import Result
from tests.harness.world.verdict import Verdict
from tests.unit.helpers.inner_run import run

LONG = "a_promise_with_a_name_that_is_much_longer_than_a_line_of_a_terminal_with_eighty_columns_can_ever_be"

BEHAVIOUR = '''
def test_even(orders, measured):
    """It is even."""
    measured("30 calls 10/10/10")
    assert orders.right
'''


def result(
    behaviour: str = "even",
    verdict: Verdict = Verdict.CONFORMANT,
    measured: str = "10/10/10",
    *,
    mutant: str | None = None,
    environment: str = "loopback",
) -> Result:
    """Return one verdict."""
    name = f"test_{behaviour}"
    return Result(
        id=f"test_x.py::{name}[{environment}{f'-{mutant}' if mutant else ''}]",
        file="test_x.py",
        behaviour=name,
        claim="It is.",
        environment=environment,
        mutant=mutant,
        verdict=verdict,
        measured=measured,
        message="shares 20/5/5: they differ by more than 1",
        seconds=1.0,
        timeline="",
    )


def compared(old: list[Result], new: list[Result], *, whole: bool = True, **not_judged: str) -> list[str]:
    """Return the lines that compare two runs with these verdicts."""
    document = {
        "started": "2026-11-24T06:00:00+00:00",
        "behaviours": [asdict(row) for row in old if not row.mutant],
        "negative_controls": [asdict(row) for row in old if row.mutant],
    }
    reasons = {f"test_x.py::test_{name}[loopback]": reason for name, reason in not_judged.items()}
    lines = comparison(SavedRun(Path("old"), document), new, reasons, whole=whole, width=80).splitlines()
    assert max(map(len, lines)) <= 80
    return lines


def test_the_same_run_again_has_no_difference() -> None:
    """Where every verdict and measure is the same, one line says so."""
    assert compared([result()], [result()]) == ["", "verdicts in both runs: 1; nothing differs"]


def test_another_verdict_is_shown_with_its_reason_and_both_measures() -> None:
    """A verdict that changed names both, says why if it is bad now, and what was measured each time."""
    lines = compared([result()], [result(verdict=Verdict.NONCONFORMANT, measured="20/5/5")])

    assert lines == [
        "",
        "verdict changed",
        "  even (loopback)",
        "    conformant -> nonconformant",
        "    shares 20/5/5: they differ by more than 1",
        "    was: 10/10/10",
        "    now: 20/5/5",
        "",
        "verdicts in both runs: 1; 1 changed",
    ]


def test_other_measures_stand_side_by_side() -> None:
    """The same verdict with another measure is listed with both, one that was not measured included."""
    lines = compared([result(measured="")], [result(measured="9/11/10")])

    assert lines[1:] == [
        "measured differently",
        "  even (loopback)",
        "    was: nothing measured",
        "    now: 9/11/10",
        "",
        "verdicts in both runs: 1; 1 measured differently",
    ]


def test_what_is_new_and_what_was_removed_is_named_with_its_verdict() -> None:
    """Behaviours that only one of the runs judged are listed, with the reason where one is not judged any more."""
    lines = compared([result(), result("old"), result("left")], [result(), result("new")], left="no feature")

    assert lines[1:] == [
        "new",
        "  conformant: new (loopback)",
        "",
        "removed",
        "  was conformant: old (loopback)",
        "  was conformant: left (loopback)",
        "    not judged now: no feature",
        "",
        "verdicts in both runs: 1; 1 new, 2 removed",
    ]


def test_what_this_run_left_out_was_not_removed() -> None:
    """An environment or negative controls that were not asked for are not mentioned, nor what -k left out."""
    old = [result(), result(environment="compose"), result(mutant="lying"), result("other")]

    assert compared(old[:3], [result()])[-1] == "verdicts in both runs: 1; nothing differs"
    assert compared(old, [result()], whole=False)[-1] == "verdicts in both runs: 1; nothing differs"


def test_a_mutant_that_is_not_caught_any_more_is_a_changed_verdict() -> None:
    """Negative controls are compared by behaviour and mutant; a name that is too long is cut."""
    caught = result(LONG, Verdict.CAUGHT, mutant="lying")
    survived = result(LONG, Verdict.SURVIVED, mutant="lying")

    assert "    caught -> survived" in compared([caught], [survived])


def test_a_run_is_compared_with_the_report_that_it_replaces(tmp_path: Path) -> None:
    """With --compare a run that is written to the same folder reads the older report before it goes."""
    assert run(tmp_path, BEHAVIOUR).status == 0
    outcome = run(tmp_path, BEHAVIOUR.replace("10/10/10", "8/11/11"), "--compare=report")

    assert outcome.status == 0
    assert "= compared with" in outcome.output
    assert "    was: 30 calls 10/10/10\n    now: 30 calls 8/11/11" in outcome.output


@pytest.mark.parametrize(
    ("content", "words"), [(None, "cannot be read"), ("{", "is not valid JSON"), ("[]", "is not a report")]
)
def test_a_report_that_is_none_is_told_so(tmp_path: Path, content: str | None, words: str) -> None:
    """Exit status 4: what --compare names has to be a report of this suite."""
    if content is not None:
        (tmp_path / "old.json").write_text(content, encoding="utf-8")
    outcome = run(tmp_path, BEHAVIOUR, "--compare=old.json")

    assert outcome.status == 4
    assert f"ERROR: --compare: {tmp_path / 'old.json'}: {words}" in outcome.output
