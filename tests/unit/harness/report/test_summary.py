"""The causes of a run: fed by its diagnosis, and by what single behaviours name where it explains nothing."""

import pytest

from tests.harness.causes.settings import CAUSES
from tests.harness.diagnosis.dictionary import Dictionary
from tests.harness.report import diagnosed
from tests.harness.report.diagnosed import Diagnosis, diagnoses
from tests.harness.report.result import Result
from tests.harness.report.summary import common_causes
from tests.harness.world.verdict import Verdict
from tests.unit.helpers.dictionaries import COLUMNS, dictionary
from tests.unit.helpers.saved_report import result

WRONG = Verdict.NONCONFORMANT


@pytest.fixture(autouse=True)
def _known(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have the synthetic dictionary, whose mutants are called as the real ones that have these causes."""
    names = {"no_policy": "pick_first", "typo": "policy_typo", "one_record": "one_address", "no_retry": "no_retry"}
    names |= {"wrong_name": "retry_wrong_service", "slow": "slow_reconnect", "slow_too": "slow_reconnect_by_self"}
    made = dictionary()
    rows = {names[name]: row for name, row in made.rows.items()}
    catches = {names[name]: columns for name, columns in made.catches.items()}
    monkeypatch.setattr(diagnosed, "dictionaries", lambda: {"loopback": Dictionary(made.digests, rows, catches)})


def _result(
    number: int, verdict: Verdict = WRONG, *suspects: str, case: str = "", environment: str = "loopback"
) -> Result:
    """Return a result of one of the synthetic behaviours, "a" to "h"."""
    name = COLUMNS[number].partition("::")[2]
    texts = {"cause": " Or: ".join(CAUSES[name].text for name in suspects), "remedy": "set it", "sureness": "likely: x"}
    return result(
        f"{name}[{case}]" if case else name,
        file="test_x.py",
        verdict=verdict,
        environment=environment,
        suspects=suspects,
        **(texts if suspects else {}),
    )


def _no_retries(*extra: Result) -> list[Result]:
    held = [_result(number, Verdict.CONFORMANT) for number in (0, 1, 2, 5, 6, 7)]
    return [*held, _result(3, WRONG, "no_retry_policy"), _result(4, WRONG, "no_retry_policy"), *extra]


def _only(results: list[Result]) -> Diagnosis:
    (found,) = diagnoses(results, {})
    return found


def test_all_that_one_cause_explains_is_one_entry() -> None:
    """A failure whose rule names nothing, or another cause, belongs to the cause by which the run explains it."""
    silent, contrary = _result(3, WRONG), _result(4, WRONG, "channel_pool", case="B")
    results = [one for one in _no_retries(silent, contrary) if one.behaviour != "test_d" or one is silent]

    (cause,) = common_causes(results, diagnoses(results, {}))

    assert (cause.suspects, cause.count) == (("no_retry_policy",), 3)
    assert cause.behaviours == ("tests/test_x.py::test_e[loopback]",)
    assert set(cause.agree) == {silent.id, contrary.id}
    assert cause.cause == CAUSES["no_retry_policy"].text


def test_a_cause_that_no_rule_names_has_the_words_of_the_language() -> None:
    """They come from the causes' own table."""
    results = [*_no_retries()[:6], _result(3), _result(4)]

    (cause,) = common_causes(results, diagnoses(results, {}), language="go")

    assert (cause.cause, cause.remedy) == (
        CAUSES["no_retry_policy"].text,
        CAUSES["no_retry_policy"].settings["go"].text,
    )


def test_what_the_run_does_not_explain_is_grouped_by_its_own_rules() -> None:
    """As is all of a run without a diagnosis."""
    results = _no_retries(_result(5, Verdict.KNOWN_FAILURE, "channel_pool"))

    assert [cause.suspects for cause in common_causes(results, diagnoses(results, {}))] == [
        ("no_retry_policy",),
        ("channel_pool",),
    ]
    assert [cause.suspects for cause in common_causes(results)] == [("no_retry_policy",), ("channel_pool",)]


def test_known_failures_are_no_part_of_the_syndrome() -> None:
    """Nor is what its library does: a run with nothing else has no diagnosis."""
    known = [_result(3, Verdict.KNOWN_FAILURE, "no_retry_policy"), _result(4, Verdict.LIBRARY_PROPERTY)]

    assert diagnoses(known, {}) == []


def test_each_environment_has_its_diagnosis() -> None:
    """One without a dictionary has that of loopback."""
    there = [_result(number, WRONG, "pick_first", environment="kind") for number in (0, 1)]

    found = diagnoses([*_no_retries(), *there], {})

    assert [(one.environment, one.conclusion.causes) for one in found] == [
        ("loopback", ("no_retry_policy",)),
        ("kind", ("pick_first",)),
    ]


def test_a_skip_at_run_time_is_part_of_the_syndrome_and_others_are_not() -> None:
    """What does not apply to the subject can neither be explained nor decide."""
    results = [_result(0, WRONG), _result(1, WRONG)]
    skipped = {"tests/test_x.py::test_c[loopback]": "calls are not spread over the replicas"}
    applies = {"tests/test_x.py::test_f[loopback]": "the subject does not promise retries"}

    both, without = diagnoses(results, skipped), diagnoses(results, skipped | applies)

    assert both[0].conclusion.syndrome.outcomes[COLUMNS[2]] == "X"
    assert COLUMNS[5] in both[0].conclusion.deciding
    assert COLUMNS[5] not in without[0].conclusion.deciding


def test_the_member_of_the_report_names_results_by_id() -> None:
    """Failures that are explained by the cases that fail, what speaks against it by the cases that hold."""
    held, wrong = _result(3, Verdict.CONFORMANT, case="A"), _result(3, WRONG, "no_retry_policy", case="B")
    found = _only([held, wrong, *_no_retries()[:6], _result(4, WRONG, "no_retry_policy")])

    assert found.cause_of(wrong) == "no_retry_policy"
    assert found.cause_of(held) == ""
    assert found.conclusion.count(found.conclusion.explained, "F") == 2
