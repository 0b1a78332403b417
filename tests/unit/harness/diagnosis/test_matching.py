"""A syndrome against what is known: the true cause first, two where one is not enough, and what would decide."""

import pytest

from tests.harness.diagnosis.knowledge import Knowledge
from tests.harness.diagnosis.matching import Matching
from tests.unit.helpers.dictionaries import CAUSE, COLUMNS, LETTERS, dictionary, knowledge, syndrome


@pytest.mark.parametrize("mutant", LETTERS)
def test_each_mutant_is_recognised_by_what_fails_and_holds(mutant: str) -> None:
    """Without any rule: the cause with the best profile is the true one."""
    (first, *_) = Matching(syndrome(LETTERS[mutant]), knowledge()).hypotheses()

    assert first.causes == (CAUSE[mutant],)
    assert first.explained == {
        COLUMNS[place]: CAUSE[mutant] for place, letter in enumerate(LETTERS[mutant]) if letter == "F"
    }
    assert first.against == frozenset()


def test_a_sibling_stands_in_for_a_mutant_that_is_left_out() -> None:
    """Another form of the same defect has the same cause."""
    known = Knowledge(dictionary().without("typo"), CAUSE)
    (first, *_) = Matching(syndrome("FFNHHHHH"), known).hypotheses()

    assert (first.causes, first.mutants) == (("pick_first",), ("no_policy",))


def test_what_holds_counts() -> None:
    """The same failures, and one that holds although it fails with the other cause."""
    by_holding = Matching(syndrome("FFNHHHHH"), knowledge()).hypotheses()
    by_failing = Matching(syndrome("FFNHHFHH"), knowledge()).hypotheses()

    assert (by_holding[0].causes, by_failing[0].causes) == (("pick_first",), ("one_address",))
    other = next(one for one in by_holding if one.causes == ("one_address",))
    assert other.against == {COLUMNS[5]}


def test_what_could_not_be_judged_is_explained_too() -> None:
    """A behaviour that is skipped with that cause everywhere."""
    (first, *_) = Matching(syndrome("FFNHHHHH"), knowledge()).hypotheses()

    assert first.unjudged == {COLUMNS[2]}


def test_rules_decide_where_nothing_was_measured() -> None:
    """A cause without any mutant is named by rules alone, and says so by having no mutants."""
    (first, *_) = Matching(syndrome("HHHHHHHF", "certain wrong_port"), knowledge()).hypotheses()

    assert (first.causes, first.mutants) == (("wrong_port",), ())


def test_a_wrong_rule_does_not_outweigh_the_run() -> None:
    """One failure names another cause, all others and what holds fit the true one."""
    (first, *_) = Matching(
        syndrome("HHHFFHHH", "certain channel_pool", "likely no_retry_policy"), knowledge()
    ).hypotheses()

    assert first.causes == ("no_retry_policy",)
    assert set(first.explained) == {COLUMNS[3], COLUMNS[4]}


def test_two_defects_are_two_causes() -> None:
    """Neither explains what the other does."""
    seen = syndrome("FFNFFHHH", "likely pick_first", "likely pick_first", "likely no_retry_policy")
    (first, *_) = Matching(seen, knowledge()).hypotheses()

    assert set(first.causes) == {"pick_first", "no_retry_policy"}
    assert [first.explained[COLUMNS[place]] for place in (0, 1, 3, 4)] == ["pick_first"] * 2 + ["no_retry_policy"] * 2


def test_what_would_decide_was_not_judged_and_differs() -> None:
    """Of two causes that explain the same, the behaviour that fails with one of them alone; if it applies."""
    matching = Matching(syndrome("FFN"), knowledge())
    ranked = matching.hypotheses()

    assert {cause for one in ranked[:2] for cause in one.causes} == {"pick_first", "one_address"}
    assert matching.deciding(ranked) == [COLUMNS[5]]
    assert matching.deciding(ranked, applicable=[COLUMNS[6]]) == []


def test_probabilities_leave_room_for_the_unknown() -> None:
    """They never add up to one."""
    ranked = Matching(syndrome("HFHFHFHF"), knowledge()).hypotheses()

    assert 0 < sum(one.probability for one in ranked) < 1
    assert [one.probability for one in ranked] == sorted((one.probability for one in ranked), reverse=True)
