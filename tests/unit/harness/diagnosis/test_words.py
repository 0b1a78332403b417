"""The diagnosis in words: counts that add up, and a remark for everything that speaks against it."""

from tests.harness.causes.settings import CAUSES
from tests.harness.diagnosis.conclusion import Conclusion, concluded
from tests.harness.diagnosis.words import fix, remarks, sentence
from tests.unit.helpers.dictionaries import knowledge, syndrome


def _found(letters: str, *named: str) -> Conclusion:
    found = concluded(syndrome(letters, *named), knowledge())
    assert found is not None
    return found


def _remarks(found: Conclusion) -> list[str]:
    return list(remarks(found, lambda name: name.removeprefix("test_")))


def test_one_cause_explains_failures_and_what_could_not_be_judged() -> None:
    """The counts come first, then the cause in its own words, and its fix in the language."""
    found = _found("FFNHHHHH", "likely pick_first", "likely pick_first")

    assert sentence(found) == (
        f"One cause explains 2 of 2 failures and 1 that could not be judged: {CAUSES['pick_first'].text}"
    )
    assert fix(found, "go") == CAUSES["pick_first"].settings["go"].text
    assert _remarks(found) == [
        "certain: probability over 0.99; 5 of 5 behaviours that hold also do with a gateway known to have it"
    ]


def test_one_failure_is_the_failure() -> None:
    """Not "1 of 1 failures"."""
    assert sentence(_found("HHHHHHFH", "likely reconnect_backoff")).startswith("One cause explains the failure: ")


def test_two_causes_have_two_fixes() -> None:
    """Each with its cause."""
    found = _found("FFNFFHHH", *["likely pick_first"] * 2, *["likely no_retry_policy"] * 2)

    assert sentence(found).startswith("Two causes explain 4 of 4 failures")
    assert {line.partition(":")[0] for line in fix(found, "go").splitlines()} == {
        "for pick first",
        "for no retry policy",
    }


def test_alternatives_are_named_with_what_would_decide() -> None:
    """None is preferred in the sentence; the remark has the probabilities."""
    found = _found("FF")
    closest, *others = _remarks(found)

    assert sentence(found).startswith("Undecided: 2 of 2 failures may have one of 2 causes: ")
    assert closest.startswith("undecided: closest are ")
    assert others == ["what would decide: f"]


def test_what_contradicts_and_what_is_left_is_said() -> None:
    """A rule of one failure that names another cause, and a failure that the cause does not explain."""
    contradicted = _found("HHHFFHHH", "certain channel_pool", "likely no_retry_policy")
    left = _found("FFNHHFHF", *["likely one_address"] * 3)

    assert "1 failure alone would point to another cause: channel pool (1)" in _remarks(contradicted)
    assert "not explained: h" in _remarks(left)


def test_not_known_names_no_fix() -> None:
    """And counts what it is about."""
    found = _found("HFHHFHHF")

    if not found.left:
        assert sentence(found) == "Not known: no cause explains the 3 failures of this run"
        assert fix(found, "go") == ""
