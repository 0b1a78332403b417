"""Failures that are expected: library properties and known failures with their cause; in runs of a small suite."""

from pathlib import Path
from typing import Any

import pytest

from tests.harness.causes.case import certain
from tests.harness.evidence.report_folder import SavedRun
from tests.harness.plugin.expected import Expected
from tests.harness.subject.library_properties import properties
from tests.harness.world.verdict import Verdict
from tests.unit.helpers.inner_run import HEAD, Outcome, run

KEY = "test_the_deprecated_load_balancing_policy_key_is_honoured"

SUITE = (
    HEAD
    + '''
def test_the_deprecated_load_balancing_policy_key_is_honoured(orders):
    """The older key names a policy."""
    if "UNSEEN" not in orders.subject.environment:
        for replica in "aaaaa" if "OTHER" not in orders.subject.environment else ("ab",):
            orders.call(replica, "OK" if replica == "a" else "ABORTED")
    assert "FIXED" in orders.subject.environment, "it is not honoured"

def test_served(orders):
    """Orders are served."""
'''
)
VARIES = "test_time_spent_connecting_counts_against_the_deadline"

VARYING = (
    HEAD
    + '''
def test_time_spent_connecting_counts_against_the_deadline(orders):
    """Deadlines cover connecting."""
    assert "FIXED" in orders.subject.environment, "CANCELLED"
'''
)
NUMBERS = (
    HEAD
    + '''
@pytest.mark.parametrize("number", ["one", "two"])
def test_numbers(orders, number):
    """It counts."""
    assert number == "two", "it does not"
'''
)
CASES = """[known_failures]
"test_numbers.py::test_numbers[one]" = "issue 1"
"test_retry.py::test_a_non_retryable_code_is_not_retried[UNAVAILABLE]" = "a code that another subject retries"
"""
OUTSIDE = """
[subject]
name = "outside"
library = "{}"
[loopback]
command = ["./gateway"]
[environment]
{}
"""


def _run(folder: Path, *options: str, library: str = "grpc-js 1.14.7", variable: str = "", more: str = "") -> Outcome:
    (folder / "test_service_config.py").write_text(SUITE, encoding="utf-8")
    return run(folder, "", *options, subject=OUTSIDE.format(library, variable and f"{variable} = 'yes'") + more)


def _row(outcome: Outcome, behaviour: str = KEY) -> dict[str, Any]:
    (row,) = (row for row in outcome.report["behaviours"] if row["behaviour"] == behaviour)
    return dict(row)


@pytest.mark.parametrize("options", [(), ("-n2",)], ids=["here", "in workers"])
def test_a_library_property_is_not_the_gateways(tmp_path: Path, options: tuple[str, ...]) -> None:
    """It fails, is reported as the library's in table, report and junit.xml, and the run is conformant."""
    outcome = _run(tmp_path, *options)
    row = _row(outcome)

    assert outcome.status == 0
    assert (outcome.report["verdict"], row["verdict"]) == ("conformant", "library property")
    assert row["expected"].startswith("library property, not yours: grpc-js ignores loadBalancingPolicy")
    assert (row["cause"], row["suspects"]) == ("", [])
    assert outcome.report["causes"] == []
    for text in (outcome.output, (tmp_path / "report" / "junit.xml").read_text(encoding="utf-8")):
        assert "library property, not yours: grpc-js ignores loadBalancingPolicy" in " ".join(text.split())
    assert "1 library property" in outcome.output
    assert "not yours" in (tmp_path / "report" / "report.html").read_text(encoding="utf-8")


def test_one_that_holds_is_reported_as_fixed_upstream(tmp_path: Path) -> None:
    """The table is out of date, for which no gateway from outside is to blame."""
    outcome = _run(tmp_path, library="grpc-js 9.9", variable="FIXED")
    row = _row(outcome)

    assert outcome.status == 0
    assert (outcome.report["verdict"], row["verdict"]) == ("conformant", "fixed upstream")
    assert row["expected"].startswith("fixed upstream: it holds with grpc-js 9.9, so")
    assert outcome.report["counts"]["holds"] == 2
    assert "fixed upstream: it holds with grpc-js 9.9" in " ".join(outcome.output.split())


def test_one_that_fails_for_another_cause_is_the_gateways_own(tmp_path: Path) -> None:
    """The row names the cause that such a failure has."""
    outcome = _run(tmp_path, variable="OTHER")
    row = _row(outcome)

    assert outcome.status == 1
    assert (row["verdict"], row["expected"]) == ("nonconformant", "")
    assert row["message"].startswith("fails for another cause than the known one: cause named ")
    assert ", known pick_first\n" in row["message"]


def test_one_that_no_rule_explains_is_not_held_against_the_gateway(tmp_path: Path) -> None:
    """As on a busy machine, where the evidence may be too little."""
    assert _row(_run(tmp_path, variable="UNSEEN"))["verdict"] == "library property"


def test_strict_library_counts_them_as_failures(tmp_path: Path) -> None:
    """The user wants to know what the library costs."""
    outcome = _run(tmp_path, "--strict-library")
    row = _row(outcome)

    assert outcome.status == 1
    assert (row["verdict"], row["expected"], row["suspects"]) == ("nonconformant", "", ["pick_first"])


def test_a_gateway_of_the_repository_keeps_the_table_true() -> None:
    """A row that holds there fails its run, unless it varies; for any other gateway no row is strict."""
    rows = {bool(row.varies): row for row in properties()}
    strict = [
        Expected("x", row=row, ours=ours).mark.kwargs["strict"]
        for ours in (True, False)
        for _, row in sorted(rows.items())
    ]
    passing = Expected("x", row=rows[False], ours=True)

    assert strict == [True, False, False, False]
    assert Expected("x").mark.kwargs["strict"]
    assert passing.verdict(Verdict.UNEXPECTEDLY_PASSING) is Verdict.UNEXPECTEDLY_PASSING
    assert passing.words(Verdict.UNEXPECTEDLY_PASSING, "").startswith(
        "fixed upstream: it holds with an unknown version"
    )


def test_what_a_check_found_is_no_property_of_the_library() -> None:
    """A check of every behaviour is about something else than the row, unless the row names its cause."""
    row = next(row for row in properties() if row.cause)
    found = certain("cpu_while_idle", "it was busy", "it was measured")
    named = certain(row.cause, "it was busy", "it was measured")

    assert "known what its library does" in Expected("x", row=row).another_cause(found.suspects, found)
    assert Expected("x", cause=row.cause, row=row).another_cause(named.suspects, named) == ""
    assert Expected("x").another_cause(found.suspects, found) == ""


@pytest.mark.parametrize("library", ["grpcio", "none"])
def test_another_library_is_judged_like_any(tmp_path: Path, library: str) -> None:
    """The row is about grpc-js."""
    outcome = _run(tmp_path, library=library)

    assert outcome.status == 1
    assert _row(outcome)["verdict"] == "nonconformant"


@pytest.mark.parametrize(
    ("library", "variable", "verdict"),
    [
        ("tonic 0.14.9", "", "library property"),
        ("tonic 0.14.9", "FIXED", "conformant"),
        ("grpcio 1.85.1", "", "nonconformant"),
    ],
)
def test_a_row_that_varies_may_hold(tmp_path: Path, library: str, variable: str, verdict: str) -> None:
    """It says why, so one that holds is not fixed."""
    (tmp_path / "test_deadlines.py").write_text(VARYING, encoding="utf-8")
    outcome = _run(tmp_path, "-k", "deadline", library=library, variable=variable)
    row = _row(outcome, VARIES)
    (why,) = {row.varies for row in properties() if row.varies}

    assert row["verdict"] == verdict
    assert (why in row["expected"]) is bool(variable)


def test_a_known_failure_of_the_subject_comes_first(tmp_path: Path) -> None:
    """What its own file says of a behaviour is what counts."""
    outcome = _run(tmp_path, more=f"[known_failures]\n'test_service_config.py::{KEY}' = 'issue 5'\n")
    row = _row(outcome)

    assert (outcome.status, row["verdict"], row["expected"]) == (0, "known failure", "issue 5")
    assert "known: issue 5" in outcome.output


@pytest.mark.parametrize(
    ("cause", "status", "verdict"),
    [("pick_first", 0, "known failure"), ("no_retry_policy", 1, "nonconformant")],
)
def test_a_known_failure_may_name_its_cause(tmp_path: Path, cause: str, status: int, verdict: str) -> None:
    """With another cause it counts, and says which is known."""
    known = f"[known_failures]\n'test_service_config.py::{KEY}' = {{ reason = 'issue 5', cause = '{cause}' }}\n"
    outcome = _run(tmp_path, more=known)
    row = _row(outcome)
    words = "fails for another cause than the known one: cause named pick_first, known no_retry_policy"

    assert (outcome.status, row["verdict"]) == (status, verdict)
    assert (words in row["message"]) is bool(status)
    assert row["suspects"] == ["pick_first"]
    assert SavedRun.at(outcome.folder).subject().known_causes == {f"test_service_config.py::{KEY}": cause}


@pytest.mark.parametrize("options", [(), ("-n2",)], ids=["here", "in workers"])
@pytest.mark.parametrize(
    ("known", "words"),
    [
        (
            "'test_retry.py::test_a_non_retryable_code_is_not_retried[ABORTD]' = 'x'",
            (
                "'test_retry.py::test_a_non_retryable_code_is_not_retried[ABORTD]' is not a case of that behaviour; "
                "did you mean 'test_retry.py::test_a_non_retryable_code_is_not_retried[ABORTED]'?"
            ),
        ),
        (
            f"'test_service_config.py::{KEY}[no_such]' = 'x'",
            (
                f"'test_service_config.py::{KEY}[no_such]' is not a case of that behaviour; "
                f"did you mean 'test_service_config.py::{KEY}'?"
            ),
        ),
        (
            f"'test_service_config.py::{KEY}' = {{ reason = 'x', cause = 'pick_frist' }}",
            "'pick_frist' is not a cause; did you mean 'pick_first'?",
        ),
    ],
    ids=["another case", "no cases", "cause"],
)
def test_what_does_not_exist_is_refused(tmp_path: Path, known: str, words: str, options: tuple[str, ...]) -> None:
    """A parameter and a cause like a name: before anything runs, with the nearest."""
    outcome = _run(tmp_path, *options, more=f"[known_failures]\n{known}\n")

    assert outcome.status == 4
    assert f"[known_failures] {words}" in outcome.output
    assert not (tmp_path / "report" / "report.json").exists()


def test_a_case_may_be_known(tmp_path: Path) -> None:
    """Of a behaviour that this run does not collect, and of one that it does, in workers too."""
    (tmp_path / "test_numbers.py").write_text(NUMBERS, encoding="utf-8")
    outcome = _run(tmp_path, "-n2", "-k", "numbers", more=CASES)

    assert outcome.verdicts == {"test_numbers[one]": "known failure", "test_numbers[two]": "conformant"}
    assert outcome.status == 0


def test_a_saved_run_is_judged_again_by_the_same_rows(tmp_path: Path) -> None:
    """The library is on record."""
    saved = SavedRun.at(_run(tmp_path).folder).subject()

    assert [row.library for row in saved.library_properties] == [
        row.library for row in properties() if row.library == "grpc-js"
    ]
    assert not saved.ours
