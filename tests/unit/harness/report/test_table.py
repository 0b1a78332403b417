"""The tables at the end of a run: as wide as the terminal, cases folded, reasons without introspection."""

from dataclasses import replace

import pytest

from tests.harness.report.result import Result
from tests.harness.report.table import diagnosis_table, fitting, mutant_table, verdict_table
from tests.harness.world.verdict import Verdict

LONG = "served none of 12 orders because the name server said nothing and the replica kept quiet " * 12
NOT_JUDGED = "tests/behaviours/retry/test_retry.py::test_without_a_retry_policy_nothing_is_retried[loopback]"
WIDTH = 80
ENVIRONMENTS = ("loopback", "compose", "kind")
LONGEST_NAME = "test_an_added_replica_gets_no_calls_before_re_resolution"


def _result(  # noqa: PLR0913  # each test names what it is about
    verdict: Verdict,
    behaviour: str = "test_calls_go_round",
    *,
    file: str = "test_distribution.py",
    environment: str = "loopback",
    mutant: str | None = None,
    measured: str = "",
    message: str = "",
    seconds: float = 1.25,
) -> Result:
    return Result(
        id=f"tests/{file}::{behaviour}[{environment}]",
        file=file,
        behaviour=behaviour,
        claim="Calls go round.",
        environment=environment,
        mutant=mutant,
        verdict=verdict,
        measured=measured,
        message=message,
        seconds=seconds,
        timeline="",
    )


@pytest.mark.parametrize(
    ("verdict", "mark"),
    [
        (Verdict.CONFORMANT, "holds"),
        (Verdict.NONCONFORMANT, "FAILS"),
        (Verdict.INCONCLUSIVE, "INCONCLUSIVE"),
        (Verdict.KNOWN_FAILURE, "known failure"),
        (Verdict.UNEXPECTEDLY_PASSING, "UNEXPECTEDLY PASSING"),
        (Verdict.LIBRARY_PROPERTY, "library property"),
        (Verdict.FIXED_UPSTREAM, "fixed upstream"),
    ],
)
def test_each_verdict_has_a_mark_next_to_the_behaviour(verdict: Verdict, mark: str) -> None:
    """A behaviour's line holds its name in words, its mark and its seconds; the last line counts them."""
    lines = verdict_table([_result(verdict)], {}, WIDTH).splitlines()

    (line,) = (line for line in lines if "calls go round" in line)
    assert line.startswith("  calls go round  ")
    assert line.endswith(f"  {mark}   1.2 s")
    assert lines[-1] == f"1 behaviour: 1 {mark.lower()}"


@pytest.mark.parametrize("verdict", list(Verdict))
def test_no_line_is_wider_than_the_terminal(verdict: Verdict) -> None:
    """Whatever a behaviour measures and says, its lines fit into 80 columns."""
    result = _result(verdict, mutant="retry_wrong_service", measured=LONG, message=LONG, seconds=119.97)
    lines = [
        *verdict_table([result], {NOT_JUDGED: "the name is short"}, WIDTH).splitlines(),
        *mutant_table([result], WIDTH).splitlines(),
    ]

    assert WIDTH == 80
    assert [line for line in lines if len(line) > WIDTH] == []


@pytest.mark.parametrize("verdict", [Verdict.CONFORMANT, Verdict.INCONCLUSIVE, Verdict.SURVIVED])
def test_a_long_name_fits_the_terminal(verdict: Verdict) -> None:
    """The longest name that a behaviour has fits into 80 columns beside its verdict."""
    result = _result(verdict, LONGEST_NAME, mutant="polling", seconds=119.97)
    lines = [*verdict_table([result], {}, WIDTH).splitlines(), *mutant_table([result], WIDTH).splitlines()]

    assert [line for line in lines if len(line) > WIDTH] == []


def test_a_long_reason_against_judging_fits_the_terminal() -> None:
    """A behaviour that needs a configurable subject says so within 80 columns."""
    reasons = {NOT_JUDGED: "needs another configuration, and the subject is a black box (tier 1)"}
    lines = verdict_table([_result(Verdict.CONFORMANT)], reasons, WIDTH).splitlines()

    assert [line for line in lines if len(line) > WIDTH] == []


ROTATION = """\
assert not ['29 of 30 calls came out of turn']
 +  where ['29 of 30 calls came out of turn'] = rotation_faults(['a', 'a', ...], ['a', 'b', 'c'])"""

EXPLAINED = replace(
    _result(Verdict.NONCONFORMANT, measured="30 calls 30", message=ROTATION),
    seen="30 of 30 attempts went to a",
    cause="No policy is in effect.",
    suspects=("pick_first",),
    remedy="WithDefaultServiceConfig(...)",
    sureness="certain: it knew of three",
)


def test_why_a_behaviour_does_not_hold_stands_below_it() -> None:
    """The words of the message, what was observed, the cause, how sure that is and what to change; no introspection."""
    table = verdict_table([EXPLAINED], {}, WIDTH)

    assert (
        "    29 of 30 calls came out of turn\n"
        "    observed: 30 of 30 attempts went to a\n"
        "    most likely cause: No policy is in effect.\n"
        "    (certain: it knew of three)\n"
        "    change: WithDefaultServiceConfig(...)\n"
    ) in table
    assert "where" not in table
    assert "assert" not in table


def test_a_cause_that_repeats_is_not_repeated() -> None:
    """Each behaviour says what was seen; a cause that was just told, with its setting, is told once."""
    table = verdict_table(
        [EXPLAINED, replace(EXPLAINED, behaviour="test_x", seen="300 of 300 attempts went to a")], {}, WIDTH
    )

    assert table.count("No policy is in effect.") == table.count("WithDefaultServiceConfig") == 1
    assert "    observed: 300 of 300 attempts went to a\n    cause: as above\n" in table


def test_a_long_cause_fits_the_terminal() -> None:
    """Whatever is said of causes, its lines fit into 80 columns."""
    long = replace(EXPLAINED, seen=LONG, cause=LONG, remedy=f"{LONG}\n{LONG}", sureness=LONG)
    said = {"environment": "loopback", "sentence": LONG, "remedy": f"{LONG}\n{LONG}", "remarks": [LONG, LONG]}
    lines = [*verdict_table([long], {}, WIDTH).splitlines(), *diagnosis_table([said], WIDTH).splitlines()]

    assert [line for line in lines if len(line) > WIDTH] == []


def test_the_diagnosis_of_a_run_is_a_paragraph() -> None:
    """The sentence, the fix and each remark; where there are several environments, each names its own."""
    here = {"environment": "loopback", "sentence": "One cause explains all: none.", "remedy": "", "remarks": ["sure"]}
    there = {**here, "environment": "compose", "remedy": "set it"}

    assert diagnosis_table([here], WIDTH).splitlines() == ["", "One cause explains all: none.", "    sure"]
    assert diagnosis_table([here, there], WIDTH).splitlines() == [
        "",
        "on loopback: One cause explains all: none.",
        "    sure",
        "",
        "on compose: One cause explains all: none.",
        "    change: set it",
        "    sure",
    ]


def test_behaviours_stand_under_their_files() -> None:
    """Each file is one heading, without test_ and .py, above its behaviours."""
    results = [
        _result(Verdict.CONFORMANT, "test_one"),
        _result(Verdict.CONFORMANT, "test_two"),
        _result(Verdict.CONFORMANT, "test_three", file="test_retry.py"),
    ]
    lines = [line.strip().split("  ")[0] for line in verdict_table(results, {}, WIDTH).splitlines()]

    assert lines == ["", "distribution", "one", "two", "", "retry", "three", "", "3 behaviours: 3 hold"]


def test_several_environments_share_one_entry() -> None:
    """What holds everywhere is one line, 80 columns at most; what does not says where and why."""
    long = "test_a_status_code_reaches_the_caller_unchanged[FAILED_PRECONDITION]"
    everywhere = [_result(Verdict.CONFORMANT, long, environment=name) for name in ENVIRONMENTS]
    everywhere += [_result(Verdict.CONFORMANT, LONGEST_NAME, environment=name) for name in ENVIRONMENTS[:2]]
    apart = [
        _result(Verdict.CONFORMANT, measured="10/10/10", environment="loopback"),
        _result(Verdict.NONCONFORMANT, measured="30/0/0", environment="compose", message="out of turn"),
        _result(Verdict.INCONCLUSIVE, environment="kind", message="no cluster"),
    ]
    lines = verdict_table([*everywhere, *apart], {}, WIDTH).splitlines()

    assert [line for line in lines if len(line) > WIDTH] == []
    assert lines[2:] == [
        "  a status code reaches the caller unchanged: FAILED_PRECONDITION   holds on all",
        "  an added replica gets no calls before re-resolution  holds on loopback/compose",
        "  calls go round",
        "  on loopback                                                      holds   1.2 s",
        "    measured: 10/10/10",
        "  on compose                                                       FAILS   1.2 s",
        "    promise: Calls go round.",
        "    measured: 30/0/0",
        "    out of turn",
        "  on kind                                                   INCONCLUSIVE   1.2 s",
        "    promise: Calls go round.",
        "    no cluster",
        "",
        "8 behaviours: 6 hold, 1 fails, 1 inconclusive",
    ]


def test_the_bound_is_shown_where_it_is_not_kept() -> None:
    """A measurement that failed stands beside what it was held against; one that holds does without."""
    failed, held = (_result(verdict, measured="4") for verdict in (Verdict.NONCONFORMANT, Verdict.CONFORMANT))

    assert "    bound: 3 each\n" in verdict_table([replace(failed, bound="3 each")], {}, WIDTH)
    assert "bound" not in verdict_table([replace(held, bound="3 each")], {}, WIDTH)


def test_what_was_measured_is_shown_whatever_the_verdict() -> None:
    """The measured words stand below a behaviour that holds, and its message does not."""
    table = verdict_table([_result(Verdict.CONFORMANT, measured="30 calls 10/10/10", message="unseen")], {}, WIDTH)

    assert "\n    measured: 30 calls 10/10/10\n" in table
    assert "unseen" not in table


@pytest.mark.parametrize(
    "verdict", [Verdict.NONCONFORMANT, Verdict.INCONCLUSIVE, Verdict.KNOWN_FAILURE, Verdict.UNEXPECTEDLY_PASSING]
)
def test_why_a_behaviour_does_not_hold_is_shown(verdict: Verdict) -> None:
    """Below every behaviour that does not simply hold stand the promise, the measurement and each line of why."""
    table = verdict_table([_result(verdict, measured="30 calls", message="first\nsecond")], {}, WIDTH)

    assert "\n    promise: Calls go round.\n    measured: 30 calls\n    first\n    second\n" in table


def test_a_reason_is_not_repeated() -> None:
    """Where two behaviours in a row fail for one reason it is said once."""
    results = [_result(Verdict.NONCONFORMANT, f"test_{name}", message="all calls failed") for name in ("one", "two")]
    table = verdict_table(results, {}, WIDTH)

    assert table.count("all calls failed") == 1
    assert table.count("    as above\n") == 1


def test_a_behaviour_without_a_message_refers_to_none() -> None:
    """A known failure that holds, which has no message, does not say "as above"."""
    assert "as above" not in verdict_table([_result(Verdict.UNEXPECTEDLY_PASSING)], {}, WIDTH)


def test_what_nobody_could_judge_is_said_once() -> None:
    """Where all behaviours are inconclusive for one reason, the table is that reason."""
    results = [_result(Verdict.INCONCLUSIVE, f"test_{name}", message="it does not start") for name in ("one", "two")]

    assert verdict_table(results, {}, WIDTH).splitlines() == [
        "",
        "    it does not start",
        "",
        "none of 2 behaviours could be judged",
    ]


def test_what_nobody_could_judge_for_different_reasons_names_them_all() -> None:
    """Where all behaviours are inconclusive for different reasons, each reason is shown."""
    results = [_result(Verdict.INCONCLUSIVE, message=message) for message in ("no name server", "no free port")]
    table = verdict_table(results, {}, WIDTH)

    assert "no name server" in table
    assert "no free port" in table


def test_long_measurements_are_cut() -> None:
    """Of a measurement four lines are shown; then an ellipsis says that there is more."""
    lines = verdict_table([_result(Verdict.NONCONFORMANT, measured=LONG)], {}, WIDTH).splitlines()
    measured = next(number for number, line in enumerate(lines) if "measured:" in line)

    assert lines.index("    …") - measured == 4


def test_a_long_message_keeps_its_end() -> None:
    """What a gateway printed last tells why it died: of a traceback the last line is never cut."""
    frames = "\n".join(f'  File "gateway.py", line {number}, in start' for number in range(20))
    died = (
        f"gateway exited with status 1; last output:\nTraceback:\n{frames}\nModuleNotFoundError: No module named 'grpc'"
    )
    lines = verdict_table([_result(Verdict.INCONCLUSIVE, message=died)], {}, WIDTH).splitlines()
    told = lines[lines.index("    promise: Calls go round.") + 1 : -2]

    assert (told[0], told[2], told[-1]) == (
        "    gateway exited with status 1; last output:",
        "    …",
        "    ModuleNotFoundError: No module named 'grpc'",
    )
    assert len(told) == 8 + 1


def test_an_assertion_without_words_says_what_it_expected_if_nothing_else_does() -> None:
    """Where something was measured that stands for it."""
    bare = _result(Verdict.NONCONFORMANT, message="assert 40 <= 17\n +  where 40 = len([<o1>])")

    assert "    promise: Calls go round.\n    expected: 40 <= 17\n" in verdict_table([bare], {}, WIDTH)
    assert "expected" not in verdict_table([replace(bare, measured="failed 40 of 120")], {}, WIDTH)


@pytest.mark.parametrize(("columns", "width"), [(40, 60), (80, 80), (120, 120), (200, 120)])
def test_the_tables_are_as_wide_as_the_terminal_within_limits(columns: int, width: int) -> None:
    """Lines of 200 characters are hard to read."""
    assert fitting(columns) == width


@pytest.mark.parametrize("width", [60, 100, 120])
def test_a_wide_terminal_has_the_measurement_in_the_line(width: int) -> None:
    """Where there is room for it; every line fits."""
    lines = verdict_table([_result(Verdict.CONFORMANT, measured="30 calls 10/10/10")], {}, width).splitlines()

    assert len(lines[2]) == width
    assert ("30 calls 10/10/10" in lines[2]) == (width >= 100)
    assert (lines[3] == "    measured: 30 calls 10/10/10") == (width < 100)


def test_what_was_not_judged_is_listed_by_reason() -> None:
    """Under each reason stand the behaviours that it keeps from being judged, counted apart from the others."""
    reasons = {
        "tests/behaviours/retry/test_retry.py::test_backoff_grows[loopback]": "retries is not promised",
        "tests/behaviours/recovery/test_recovery.py::test_a_call_is_retried[loopback]": "retries is not promised",
        "tests/behaviours/health/test_health.py::test_health[loopback]": "health is unsupported",
    }
    lines = verdict_table([_result(Verdict.CONFORMANT)], reasons, WIDTH).splitlines()

    assert lines[3:] == [
        "",
        "not judged: health is unsupported",
        "    health",
        "",
        "not judged: retries is not promised",
        "    a call is retried; backoff grows",
        "",
        "1 behaviour: 1 holds, 3 not judged",
    ]
