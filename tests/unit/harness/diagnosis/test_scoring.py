"""Scores: what fits raises them, what does not lowers them, and what was not measured does neither."""

import pytest

from tests.harness.diagnosis.knowledge import Knowledge, Profile
from tests.harness.diagnosis.scoring import Observation, Scoring, Syndrome
from tests.unit.helpers.dictionaries import CAUSE, COLUMNS, LETTERS, dictionary, knowledge, syndrome, trial


def _of(known: Knowledge, mutant: str) -> Profile:
    return next(one for every in known.profiles.values() for one in every if one.mutant == mutant)


def test_what_fits_scores_above_any_defect_and_what_does_not_below() -> None:
    """Any defect scores zero."""
    known = knowledge()
    scoring = Scoring(syndrome(LETTERS["no_policy"]), known)

    assert scoring.cause("pick_first")[0] > 0 > scoring.cause("reconnect_backoff")[0]
    assert scoring.cause("never_heard_of") == (0.0, None)


def test_what_was_not_measured_is_neither_for_nor_against() -> None:
    """A mutant without a row counts by what declares to catch it alone."""
    known = Knowledge(dictionary(typo=LETTERS["typo"]), CAUSE)
    scoring = Scoring(syndrome("HHHHHHFH"), known)

    declared = scoring.of({"reconnect_backoff": _of(known, "slow")})
    assert declared == pytest.approx(scoring.of({"reconnect_backoff": _of(known, "slow_too")}))
    assert declared > 0


def test_a_rule_counts_by_how_sure_it_is() -> None:
    """And against every other cause."""
    scores = {
        sureness: Scoring(syndrome("HHHHHHHF", f"{sureness} wrong_port"), knowledge()).cause("wrong_port")[0]
        for sureness in ("undecided", "likely", "certain")
    }
    other = Scoring(syndrome("HHHHHHHF", "certain wrong_port"), knowledge()).cause("reconnect_backoff")[0]
    silent = Scoring(syndrome("HHHHHHHF"), knowledge()).cause("reconnect_backoff")[0]

    assert 0 < scores["undecided"] < scores["likely"] < scores["certain"]
    assert other < silent


def test_two_defects_fail_what_either_fails() -> None:
    """And the chances of the outcomes still add up to one."""
    known = knowledge()
    scoring, both = Scoring(syndrome("FFNFFHHH"), known), [_of(known, "no_policy"), _of(known, "no_retry")]

    assert scoring.chance(both, COLUMNS[0], "F") > 0.5
    assert scoring.chance(both, COLUMNS[3], "F") > 0.5
    assert sum(scoring.chance(both, COLUMNS[0], outcome) for outcome in "FHX") == pytest.approx(1.0)


def test_a_trial_is_a_syndrome() -> None:
    """With aged cells, and what rules named."""
    seen = Syndrome.of_trial(trial("fHN", {0: "likely pick_first"}))

    assert seen.outcomes == {COLUMNS[0]: "F", COLUMNS[1]: "H", COLUMNS[2]: "X"}
    assert seen.named == {COLUMNS[0]: {("pick_first",): "likely"}}
    assert (seen.failed, seen.of("X")) == ([COLUMNS[0]], [COLUMNS[2]])


def test_cases_name_causes_together() -> None:
    """What two cases of a behaviour name alike counts once."""
    cases = [Observation(f"test_x.py::test_a[{code}]", "F", ("pick_first",), "likely") for code in ("A", "B")]

    assert Syndrome(cases).named == {"test_x.py::test_a": {("pick_first",): "likely"}}
