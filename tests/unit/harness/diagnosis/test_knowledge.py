"""What a dictionary knows of a cause: shares, the background, and what declares to catch a mutant."""

import pytest

from tests.harness.diagnosis.dictionary import Dictionary
from tests.harness.diagnosis.knowledge import Knowledge, outcomes
from tests.unit.helpers.dictionaries import CAUSE, COLUMNS, dictionary, knowledge, row


def test_the_cases_of_a_behaviour_are_one() -> None:
    """It fails if one of them does, and could not be judged if none fails and one could not; aged cells count."""
    letters = {"test_x.py::test_a[A]": "H", "test_x.py::test_a[B]": "f", "test_x.py::test_b[A]": "H"}
    letters |= {"test_x.py::test_b[B]": "N", "test_x.py::test_c": "H", "test_x.py::test_d": "K"}

    assert outcomes(letters.items()) == {
        "test_x.py::test_a": "F",
        "test_x.py::test_b": "X",
        "test_x.py::test_c": "H",
    }


def test_a_cause_has_a_profile_for_each_of_its_mutants() -> None:
    """Those without a row have what declares to catch them, with the true cause named."""
    known = Knowledge(Dictionary({}, {"typo": row("typo", "FFNHHHHH")}, dictionary().catches), CAUSE)
    measured, declared = sorted(known.profiles["pick_first"], key=lambda one: one.mutant, reverse=True)

    assert (measured.mutant, measured.share(COLUMNS[1], "F"), measured.share(COLUMNS[3], "F")) == ("typo", 1.0, 0.0)
    assert (declared.mutant, declared.share(COLUMNS[0], "F"), declared.share(COLUMNS[3], "F")) == (
        "no_policy",
        1.0,
        0.0,
    )
    assert declared.named[COLUMNS[0]] == {("pick_first",): 1}


@pytest.mark.parametrize("behaviour", [*COLUMNS, "test_x.py::test_never_seen"])
@pytest.mark.parametrize("mutant", [None, *CAUSE])
def test_probabilities_are_probabilities(behaviour: str, mutant: str | None) -> None:
    """They add up to one and none is zero, however little is known."""
    known = knowledge()
    one = next((one for every in known.profiles.values() for one in every if one.mutant == mutant), None)

    likely = known.likely(one, behaviour)

    assert sum(likely.values()) == pytest.approx(1.0)
    assert min(likely.values()) > 0


def test_one_trial_makes_its_outcome_likely_and_no_other_impossible() -> None:
    """Smoothing: a behaviour that varies is not excluded by one trial."""
    known = knowledge()
    (first, _) = known.profiles["no_retry_policy"]

    assert known.likely(first, COLUMNS[3])["F"] > 0.65
    assert known.likely(first, COLUMNS[0])["F"] < known.background(COLUMNS[0])["F"]


def test_what_is_often_named_says_less() -> None:
    """A cause named for every failure tells little, one that is named for its own mutants tells much."""
    known = knowledge()

    assert known.usual(("pick_first",)) > known.usual(("one_address",)) > known.usual(("never_named",)) > 0
