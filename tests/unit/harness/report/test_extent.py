"""How much a verdict is about, in the members of report.json and in words."""

from collections.abc import Sequence
from typing import Any

import pytest

from tests.harness.report.ending import exit_status, with_trouble
from tests.harness.report.extent import SKIPPED, Extent, coverage, headline, members, missing
from tests.harness.report.result import overall
from tests.harness.subject.not_judged import BLACK_BOX, REMOVED, not_hosted, not_promised, unsupported
from tests.harness.world.verdict import Verdict

HOLDS, FAILS, UNCLEAR, KNOWN = (
    Verdict.CONFORMANT,
    Verdict.NONCONFORMANT,
    Verdict.INCONCLUSIVE,
    Verdict.KNOWN_FAILURE,
)
LEFT_OUT = {
    "a": BLACK_BOX,
    "b": not_promised("round_robin"),
    "c": BLACK_BOX,
    "d": unsupported("waits"),
    "e": not_hosted(("loopback",), "why"),
    "f": "its replies tell no code",
    "g": "the subject file has no [loopback] command",
    "h": REMOVED,
}


def report(verdicts: Sequence[Verdict], extent: Extent, **not_judged: str) -> dict[str, Any]:
    """Return as much of a report as words are made from."""
    return {**members(verdicts, not_judged, extent), "behaviours": list(verdicts)}


@pytest.mark.parametrize(
    ("verdicts", "broken_off", "verdict"),
    [
        ([HOLDS, HOLDS], "", "conformant"),
        ([HOLDS, KNOWN], "", "conformant"),
        ([HOLDS, UNCLEAR], "", "inconclusive"),
        ([HOLDS], "interrupted", "inconclusive"),
        ([HOLDS, FAILS, UNCLEAR], "interrupted", "nonconformant"),
        ([HOLDS, Verdict.UNEXPECTEDLY_PASSING], "", "nonconformant"),
        ([KNOWN, KNOWN], "", "inconclusive"),
        ([], "", "inconclusive"),
    ],
)
def test_conformant_takes_a_whole_run_of_which_something_holds(
    verdicts: list[Verdict], broken_off: str, verdict: str
) -> None:
    """Wrong beats what could not be judged, and that beats right."""
    assert overall(verdicts, broken_off) == verdict


@pytest.mark.parametrize(
    ("verdicts", "extent", "reason"),
    [
        ([HOLDS, HOLDS], Extent.whole(2), ""),
        ([FAILS, UNCLEAR], Extent.whole(2), ""),
        ([HOLDS, UNCLEAR], Extent.whole(2), "1 of 2 could not be judged"),
        ([KNOWN], Extent.whole(1), "no behaviour holds, all that were judged are known failures"),
        (
            [KNOWN, Verdict.LIBRARY_PROPERTY],
            Extent.whole(2),
            "no behaviour holds, all that were judged are known failures or library properties",
        ),
        ([KNOWN, Verdict.FIXED_UPSTREAM], Extent.whole(2), ""),
        ([], Extent.whole(0), "no behaviour of the subject was run"),
        ([HOLDS], Extent(62, 62, 12, stopped="interrupted"), "broken off after 12 of 62: interrupted"),
        ([HOLDS], Extent(62, 62, 12), "broken off after 12 of 62: 50 without a result"),
        ([FAILS], Extent(62, 62, 12, stopped="stopped by -x"), "broken off after 12 of 62: stopped by -x"),
        ([HOLDS], Extent(62, 62, 62, stopped="interrupted"), "broken off after 62 of 62: interrupted"),
    ],
)
def test_what_keeps_a_run_from_a_verdict_is_named(verdicts: list[Verdict], extent: Extent, reason: str) -> None:
    """One sentence; nothing where the verdict needs none."""
    assert report(verdicts, extent)["reason"] == reason


def test_what_was_left_out_is_counted_by_reason() -> None:
    """One word each, in a fixed order; what was skipped at run time is known by its id."""
    told = report([HOLDS], Extent(2, 2, 2, skipped={"f"}), **LEFT_OUT)

    assert told["counts"] == {
        "applicable": 2,
        "selected": 2,
        "judged": 1,
        "holds": 1,
        "left_out": {
            "not promised": 1,
            "unsupported": 1,
            "black box": 2,
            "not hosted": 1,
            "cannot be started": 1,
            SKIPPED: 1,
            "removed": 1,
        },
    }
    assert coverage(told) == (
        "judged 1 of 2 applicable behaviours; 8 left out: 1 not promised, 1 unsupported, 2 black box, 1 not hosted, "
        "1 cannot be started, 1 skipped at run time, 1 removed"
    )


def test_nothing_but_what_was_left_out_is_a_reason() -> None:
    """A subject that promises nothing that is judged is told so."""
    assert report([], Extent.whole(0), a=BLACK_BOX)["reason"] == "nothing was judged, 1 left out: 1 black box"


@pytest.mark.parametrize(
    ("verdicts", "extent", "words"),
    [
        ([HOLDS] * 2, Extent.whole(2), "conformant (judged 2 of 2)"),
        ([HOLDS] * 3, Extent(62, 3, 3, ["-k retry"]), "conformant (judged 3 of 62, selected by -k retry)"),
        ([HOLDS, FAILS], Extent.whole(2), "nonconformant (judged 2 of 2)"),
        (
            [HOLDS],
            Extent(62, 3, 1, ["-k retry"], "interrupted"),
            "inconclusive (broken off after 1 of 3: interrupted, selected by -k retry)",
        ),
    ],
)
def test_the_headline_is_the_verdict_and_how_much_it_is_about(
    verdicts: list[Verdict], extent: Extent, words: str
) -> None:
    """A part of a run does not read like a whole one."""
    assert headline(report(verdicts, extent)) == words


def test_older_reports_have_their_verdict_and_no_more() -> None:
    """What they do not count is not made up."""
    older = {"verdict": "conformant", "behaviours": [1, 2], "not_judged": {"a": "why"}}

    assert (headline(older), coverage(older), missing(older)) == ("conformant", "1 not judged", (0, 0))
    assert coverage({"verdict": "conformant"}) == ""


def test_what_a_saved_run_lacks_is_lacking_in_its_replay() -> None:
    """Of what applies, and of what was selected; what was skipped at run time has a result."""
    saved = report([HOLDS] * 2, Extent(62, 10, 3, ["-k x"], "interrupted", {"f"}), f="its replies tell no code")

    assert missing(saved) == (59, 7)


@pytest.mark.parametrize(
    ("pytests", "verdicts", "subject", "own_failed", "status"),
    [
        (0, [HOLDS], "conformant", False, 0),
        (1, [HOLDS, FAILS], "nonconformant", False, 1),
        (1, [HOLDS, UNCLEAR], "inconclusive", False, 6),
        (0, [], "inconclusive", False, 6),  # all skipped at run time
        (5, [], "inconclusive", False, 6),  # nothing that is judged is promised
        (0, [KNOWN], "inconclusive", False, 6),
        (1, [HOLDS, Verdict.SURVIVED], "conformant", False, 1),
        (1, [HOLDS], "conformant", True, 1),
        (0, [Verdict.CAUGHT], None, False, 0),
        (0, [], None, False, 0),
        (1, [], None, True, 1),
        (5, [], None, False, 5),
        (2, [HOLDS], "inconclusive", False, 2),
        (3, [FAILS], "nonconformant", False, 3),
        (4, [], None, False, 4),
    ],
)
def test_the_exit_status_is_the_verdicts_if_the_run_came_to_its_end(
    pytests: int, verdicts: list[Verdict], subject: str | None, status: int, *, own_failed: bool
) -> None:
    """1 for the subject, a control or a test of the suite, 6 for what could not be judged; 2 to 5 stay pytest's."""
    assert exit_status(pytests, verdicts, subject, own_failed=own_failed) == status


def test_trouble_with_the_report_takes_a_success_away_and_nothing_else() -> None:
    """What is wrong stays wrong, and what was interrupted stays so."""
    assert [with_trouble(status, 6) for status in (0, 1, 2, 3, 6)] == [6, 1, 2, 3, 6]
