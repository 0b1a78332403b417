"""Promises and the budgets that follow from them."""

import re
from typing import Any

import pytest

from tests.harness.subject.keepalive import Keepalive
from tests.harness.subject.promises import CODES, TIMER, Budgets, Promises, longest_timeout_received


def test_the_defaults_are_those_of_the_contract() -> None:
    """A subject that says nothing promises what docs/reference/contract.md lists as defaults."""
    assert Promises() == Promises(
        policy="round_robin",
        retryable_codes=("UNAVAILABLE",),
        max_attempts=3,
        initial_backoff=0.1,
        max_backoff=1.0,
        backoff_multiplier=2.0,
        call_timeout=5.0,
        reconnects_within=5.0,
        min_resolution_interval=30.0,
        refresh_interval=0.0,
        keepalive=Keepalive(time=30.0, timeout=5.0),
        wait_for_ready=False,
        jitter=0.2,
        retries="grpc",
        retry_throttling=False,
        ejection=False,
        hedging=False,
        per_try_timeout=0.0,
        connections_per_replica=1,
        codes="told",
        dns_retry_within=0.0,
        start_within=0.0,
        concurrent_calls=0,
        overhead=0.0,
        connect_timeout=0.0,
    )


def test_the_codes_are_numbered_as_grpc_numbers_them() -> None:
    """The sixteen codes stand in the order of their numbers, from 1."""
    assert len(CODES) == len(set(CODES)) == 16
    assert {CODES.index(code) + 1 for code in ("CANCELLED", "UNAVAILABLE", "UNAUTHENTICATED")} == {1, 14, 16}


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("initial_backoff", 0.0),
        ("max_backoff", -1.0),
        ("backoff_multiplier", 0.0),
        ("call_timeout", -1.0),
        ("reconnects_within", -0.5),
        ("min_resolution_interval", -1.0),
        ("refresh_interval", -1.0),
        ("max_attempts", 0),
    ],
)
def test_a_promise_that_none_could_make_is_refused_by_name(field: str, value: float) -> None:
    """The error begins with the field and shows its value."""
    with pytest.raises(ValueError, match=rf"^{field} is {value}: "):
        Promises(**{field: value})  # type: ignore[arg-type]  # the field is a parameter of this test


@pytest.mark.parametrize("code", ["OK", "unavailable", "UNAVAILIBLE"])
def test_a_code_that_no_call_can_fail_with_is_refused(code: str) -> None:
    """Neither OK nor a code that gRPC does not have can be retryable."""
    with pytest.raises(ValueError, match=f"^retryable_codes: '{code}' is not a gRPC code"):
        Promises(retryable_codes=(code,))


def test_times_of_zero_are_allowed_where_they_mean_something() -> None:
    """A gateway may ask the name server without a floor, and never without a reason."""
    promises = Promises(min_resolution_interval=0.0, refresh_interval=0.0)

    assert Budgets(promises, slack=0.6).ask == 0.6


def test_the_codes_that_must_not_be_retried_are_all_others() -> None:
    """Retryable and other codes together are all codes, none of them both."""
    promises = Promises(retryable_codes=("UNAVAILABLE", "ABORTED"))

    assert len(promises.other_codes) == 14
    assert set(promises.other_codes) | set(promises.retryable_codes) == set(CODES)


def test_the_backoff_grows_by_its_multiplier_up_to_its_maximum() -> None:
    """The waits before five retries follow gRFC A6: they double until they reach the maximum."""
    promises = Promises(initial_backoff=0.1, backoff_multiplier=2.0, max_backoff=0.5, max_attempts=6)

    assert [promises.backoff(retry) for retry in range(1, 6)] == pytest.approx([0.1, 0.2, 0.4, 0.5, 0.5])
    assert promises.backoffs == pytest.approx(1.7)


def test_a_maximum_below_the_first_backoff_bounds_it() -> None:
    """Even the first wait is no longer than the maximum."""
    assert Promises(initial_backoff=2.0, max_backoff=1.0).backoff(1) == 1.0


def test_one_attempt_never_waits() -> None:
    """A call that is not retried has no backoffs."""
    assert Promises(max_attempts=1).backoffs == 0


HAD = {
    "round_robin",
    "keepalive",
    "retries",
    "no polling",
    "fail fast",
    "no application retries",
    "sustained retries",
    "no ejection",
    "no hedging",
    "jitter",
    "growing backoff",
    "deadline",
    "one deadline",
}
"""What a subject that says nothing promises."""


@pytest.mark.parametrize(
    ("given", "lost"),
    [
        ({}, set()),
        ({"policy": "pick_first"}, {"round_robin"}),
        ({"keepalive": Keepalive(time=0)}, {"keepalive"}),
        ({"max_attempts": 1}, {"retries", "growing backoff"}),
        ({"max_attempts": 2}, {"growing backoff"}),
        ({"max_backoff": 0.2}, {"growing backoff"}),
        ({"backoff_multiplier": 1.0}, {"growing backoff"}),
        ({"jitter": 0}, {"jitter"}),
        ({"jitter": "full"}, set()),
        ({"jitter": 0.05}, {"jitter"}),
        ({"retryable_codes": ("ABORTED",)}, {"retries"}),
        ({"refresh_interval": 60.0}, {"no polling"}),
        ({"retries": "application"}, {"no application retries", "jitter"}),
        ({"retries": "application", "jitter": 0.5}, {"no application retries"}),
        ({"retry_throttling": True}, {"sustained retries"}),
        ({"ejection": True}, {"sustained retries", "no ejection"}),
        ({"hedging": True}, {"no hedging"}),
        ({"call_timeout": 0.0}, {"deadline"}),
        ({"per_try_timeout": 1.0}, {"one deadline"}),
    ],
)
def test_what_is_promised_follows_from_the_fields(given: dict[str, Any], lost: set[str]) -> None:
    """Each promise that behaviours ask for is had, or not, by one field."""
    assert {name for name in HAD if not Promises(**given).has(name)} == lost


def test_what_only_some_subjects_promise() -> None:
    """Another policy, polling and a long floor are had by those whose fields say so."""
    some: dict[str, dict[str, Any]] = {
        "another policy": {"policy": "ring_hash"},
        "pick_first": {"policy": "pick_first"},
        "weighted_round_robin": {"policy": "weighted_round_robin"},
        "calls for every replica": {"policy": "least_request"},
        "polling": {"refresh_interval": 60.0},
    }
    assert {name for name in some if Promises().has(name)} == set()
    assert {name for name, given in some.items() if Promises(**given).has(name)} == set(some)
    assert Promises(policy="weighted_round_robin").has("calls for every replica")
    assert not Promises(policy="ring_hash").has("calls for every replica")
    assert Promises().has("a floor")
    assert not Promises(min_resolution_interval=1.0).has("a floor")


def test_calls_that_wait_do_not_fail_fast() -> None:
    """A subject promises one of the two, and is judged by the one that it promises."""
    waiting, hasty = Promises(wait_for_ready=True), Promises()

    assert (waiting.has("wait_for_ready"), waiting.has("fail fast")) == (True, False)
    assert (hasty.has("wait_for_ready"), hasty.has("fail fast")) == (False, True)
    assert Budgets(waiting, slack=0.6).unserved == pytest.approx(5.6)
    assert Budgets(hasty, slack=0.6).unserved == pytest.approx(0.36 + 0.6)
    assert waiting.unserved_codes - hasty.unserved_codes == {"DEADLINE_EXCEEDED"}


@pytest.mark.parametrize(
    ("jitter", "least", "most"), [(0.2, 0.16, 0.24), (0.5, 0.1, 0.3), (0, 0.2, 0.2), ("full", 0.0, 0.2)]
)
def test_jitter_decides_how_long_a_retry_waits(jitter: float | str, least: float, most: float) -> None:
    """A fraction goes both ways, and full jitter waits for any time up to the backoff."""
    promises = Promises(jitter=jitter)

    assert promises.waits(2) == pytest.approx((least, most))
    assert promises.shortest_backoffs == pytest.approx(1.5 * least)
    assert promises.longest_backoffs == pytest.approx(1.5 * most)


@pytest.mark.parametrize(
    ("given", "change"),
    [
        ({"call_timeout": 0.36}, "promise the max_attempts that fit, shorter backoffs, or a longer call_timeout"),
        ({"max_attempts": 30}, "promise the max_attempts that fit"),
        ({"per_try_timeout": 5.0}, "per_try_timeout is 5: must be less than call_timeout, 5"),
        ({"hedging": True, "retries": "application"}, "leave one out"),
        ({"hedging": True, "max_attempts": 1}, "max_attempts is 1: with hedging it must be at least 2"),
    ],
)
def test_promises_that_contradict_each_other_are_refused(given: dict[str, Any], change: str) -> None:
    """One sentence names both, and what to change."""
    with pytest.raises(ValueError, match=re.escape(change)) as refused:
        Promises(**given)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    "given",
    [
        {"call_timeout": 0.4},
        {"call_timeout": 0.0, "max_attempts": 30},
        {"call_timeout": 0.3, "hedging": True},
        {"call_timeout": 0.3, "max_attempts": 2},
        {"call_timeout": 0.0, "per_try_timeout": 5.0},
    ],
)
def test_unusual_promises_that_can_be_kept_are_not_refused(given: dict[str, Any]) -> None:
    """A tight deadline, none at all, and attempts next to each other contradict nothing."""
    assert Promises(**given)


def test_failures_are_spared_where_they_change_how_the_gateway_behaves() -> None:
    """One planned failure on a gateway with a retry budget or a breaker, as many as wanted on any other."""
    throttled, ejecting = Promises(retry_throttling=True), Promises(ejection=True)

    assert [promises.sparing(3) for promises in (Promises(), throttled, ejecting)] == [3, 1, 1]
    assert "RESOURCE_EXHAUSTED" in ejecting.unserved_codes


def test_shares_differ_more_with_pools_and_polls() -> None:
    """By 1 for each channel, and by 1 more for each list that may have restarted its rotation."""
    assert Promises().uneven(100.0) == 1
    assert Promises().uneven(100.0, restarts=2) == 3
    assert Promises(connections_per_replica=4).uneven(1.0) == 4
    assert Promises(refresh_interval=1.0).uneven(2.5) == 4
    assert Promises(refresh_interval=1.0).floor == 1.0
    assert Promises().floor == 30.0


@pytest.mark.parametrize(
    ("given", "milliseconds"),
    [
        ({}, 400),
        ({"call_timeout": 1.5}, 400),
        ({"call_timeout": 0.4}, 56),
        ({"call_timeout": 0.0}, 400),
        ({"per_try_timeout": 0.2}, 40),
    ],
)
def test_a_replica_holds_a_call_for_less_than_its_deadline(given: dict[str, Any], milliseconds: int) -> None:
    """As long as asked if that fits three times, else a fifth of an attempt, and of what a backoff leaves."""
    assert Budgets(Promises(**given), slack=0.6).held(0.4) == milliseconds


def test_a_call_without_a_deadline_is_not_waited_for_forever() -> None:
    """The caller's patience ends, although the call's does not."""
    assert Budgets(Promises(call_timeout=0.0), slack=0.6).reply == pytest.approx(0.36 + 10 + 1.2)
    assert Budgets(Promises(call_timeout=2.0, start_within=3.0), slack=0.5).reply == pytest.approx(6.0)


def test_an_unheard_of_promise_is_an_error_of_the_behaviour() -> None:
    """A misspelt promise is never taken for one that is not given."""
    with pytest.raises(KeyError):
        Promises().has("round robin")


def test_budgets_are_promises_plus_slack() -> None:
    """Each budget is what the subject promises, and what the machine may add to it."""
    promises = Promises(call_timeout=1.5, reconnects_within=0.5, min_resolution_interval=10.0)
    budgets = Budgets(promises, slack=0.6)

    assert budgets.lag == pytest.approx(0.1)
    assert budgets.reply == pytest.approx(1.5 + 2 * 0.6)
    assert budgets.reconnect == pytest.approx(0.5 + 0.6)
    assert budgets.rediscover == pytest.approx(10.0 + 0.5 + 0.6)
    assert budgets.ask == pytest.approx(10.0 + 0.6)


def test_a_call_that_nobody_answers_ends_at_its_deadline() -> None:
    """A timer may fire a little early, and the environment may add its slack."""
    assert Budgets(Promises(call_timeout=2.0), slack=0.5).deadline == (2.0 - TIMER, 2.5)


@pytest.mark.parametrize("milliseconds", [1, 99, 1_001, 2_501, 4_999, 5_001, 10_001, 59_999, 100_001])
def test_a_deadline_that_is_rounded_up_to_three_digits_is_no_longer_than_told(milliseconds: int) -> None:
    """C-core writes grpc-timeout so; a deadline that is longer by a fiftieth is another one."""
    unit = 10 ** max(0, len(str(milliseconds)) - 3)
    rounded = -(-milliseconds // unit) * unit

    assert milliseconds <= rounded <= 1000 * longest_timeout_received(milliseconds / 1000)
    assert longest_timeout_received(milliseconds / 1000) <= 1.02 * milliseconds / 1000 or milliseconds < 1000
