"""What a run comes to: named, undecided or not known; and what is said of rules that contradict it."""

from tests.harness.causes.case import Sureness
from tests.harness.diagnosis.conclusion import concluded
from tests.harness.diagnosis.dictionary import Dictionary
from tests.harness.diagnosis.knowledge import UNJUDGED, Knowledge
from tests.harness.diagnosis.scoring import Syndrome
from tests.unit.helpers.dictionaries import COLUMNS, knowledge, syndrome


def test_a_right_subject_has_no_diagnosis() -> None:
    """Nothing fails; that some could not be judged has no cause either."""
    assert concluded(syndrome("HHHHHHHH"), knowledge()) is None
    assert concluded(syndrome("HHNHIHHH"), knowledge()) is None
    assert concluded(Syndrome([]), knowledge()) is None


def test_a_single_defect_has_one_cause() -> None:
    """All that fails is explained, and its rules agree: it is certain."""
    found = concluded(syndrome("FFNHHHHH", "likely pick_first", "likely pick_first"), knowledge())

    assert found is not None
    assert (found.causes, found.sureness) == (("pick_first",), Sureness.CERTAIN)
    assert (found.unexplained, found.contradicted, found.deciding) == ([], {}, [])
    assert found.count(found.left[0].unjudged, UNJUDGED) == 1


def test_a_rule_that_contradicts_is_said_and_takes_the_certainty() -> None:
    """The diagnosis stands, as the rest of the run fits it."""
    found = concluded(syndrome("HHHFFHHH", "certain channel_pool", "likely no_retry_policy"), knowledge())

    assert found is not None
    assert (found.causes, found.sureness) == (("no_retry_policy",), Sureness.LIKELY)
    assert found.contradicted == {("channel_pool",): [COLUMNS[3]]}


def test_causes_that_are_not_told_apart_are_both_left() -> None:
    """With what would decide; none of them is named."""
    found = concluded(syndrome("FF"), knowledge())

    assert found is not None
    assert (found.causes, found.sureness) == ((), Sureness.UNDECIDED)
    assert {one.causes for one in found.left} == {("pick_first",), ("one_address",)}
    assert COLUMNS[5] in found.deciding


def test_not_known_is_an_answer() -> None:
    """Failures that no cause explains, and no rule: nothing is named, and what would decide is."""
    found = concluded(syndrome("HFHHFHHF"), knowledge())

    assert found is not None
    assert (found.causes, found.sureness) == ((), Sureness.UNDECIDED)


def test_without_a_dictionary_the_rules_are_all_there_is() -> None:
    """A failure that no rule explains is not known then."""
    nothing = Knowledge(Dictionary(), {})
    silent, named = (concluded(syndrome("F", text), nothing) for text in ("", "certain pick_first"))

    assert silent is not None
    assert (silent.causes, silent.ranked) == ((), [])
    assert named is not None
    assert named.causes == ("pick_first",)
