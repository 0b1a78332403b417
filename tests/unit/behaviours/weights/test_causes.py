"""The rules for shares that do not follow load reports, or do so too early."""

import json

import pytest

from tests.behaviours.weights import causes as weights
from tests.harness.causes.case import Case
from tests.unit.helpers.story import NAMES, Story, in_turn, suspects

TO_B = ["a", "b", "b", "c", "b", "b"]
"""Whom b's weight of four against one and one gives calls: six of them."""

REPORTS = {name: f"rps_fractional={400 if name == 'b' else 100},cpu_utilization=0.5" for name in NAMES}


def spread(*trails: str, reports: dict[str, str] = REPORTS, **settings: object) -> Case:
    """Return calls in this order to replicas that report, by a policy of these settings."""
    config = {"loadBalancingConfig": [{"weighted_round_robin": {"blackoutPeriod": "0s", **settings}}]}
    story = Story(gateway_variables={"GRPC_SERVICE_CONFIG": json.dumps(config)})
    for name, report in reports.items():
        story.verb(1.1, "start", name, took=0.1, LOAD_REPORT=report)
    return story.calls(1.3, *trails).case()


def test_equal_shares_despite_reports_are_another_policy() -> None:
    """The reports make weights of 1:4:1, and no one uses them."""
    finding = weights.unexpected_shares(spread(*in_turn(60)))

    assert suspects(finding) == ("not_weighted",)
    assert finding is not None
    assert finding.seen == (
        "the last 48 attempts were spread 16/16/16; the replicas' reports give weights of 200:800:200"
    )


def test_errors_that_do_not_count() -> None:
    """With them b is worth as much as a, without them four times as much, and so it is used."""
    reports = {**REPORTS, "b": "rps_fractional=400,cpu_utilization=0.5,eps=600"}
    finding = weights.unexpected_shares(spread(*TO_B * 10, reports=reports))

    assert suspects(finding) == ("no_error_penalty",)
    assert weights.unexpected_shares(spread(*TO_B * 10, reports=reports, errorUtilizationPenalty=0.0)) is None


@pytest.mark.parametrize(
    "case",
    [
        spread(*TO_B * 10),
        spread(*in_turn(47)),
        spread(*["a", "b"] * 30),
        spread(*in_turn(60), reports={}),
        spread(*in_turn(60), reports=dict.fromkeys(NAMES, "rps_fractional=100,cpu_utilization=0.5")),
        spread(*in_turn(60), reports={"a": REPORTS["a"]}),
        Story().calls(1.3, *in_turn(60)).case(),
    ],
    ids=["right", "few calls", "one replica left out", "no reports", "equal reports", "one report", "another policy"],
)
def test_shares_that_say_nothing_against_the_weights(case: Case) -> None:
    """They follow the weights, are too few, follow something that no rule knows, or no weights are due."""
    assert weights.unexpected_shares(case) is None


def test_weights_within_the_blackout() -> None:
    """Nothing of what replicas reported a moment ago may count for 30 seconds."""
    finding = weights.too_early(spread(*in_turn(6), *TO_B * 3, blackoutPeriod="30s"))

    assert suspects(finding) == ("no_blackout",)
    assert finding is not None
    assert finding.seen == "1.5 s after the gateway was started, 12 attempts were spread 2/8/2"


@pytest.mark.parametrize(
    "case",
    [
        spread(*in_turn(30), blackoutPeriod="30s"),
        spread(*TO_B[:5], blackoutPeriod="30s"),
        spread(*TO_B * 3, blackoutPeriod="0.2s"),
        spread(*TO_B * 3, blackoutPeriod="30s", reports={}),
    ],
    ids=["equal shares", "few calls", "blackout over", "no reports"],
)
def test_shares_that_are_not_weighted_within_the_blackout(case: Case) -> None:
    """Equal ones, a few uneven ones, or those after it."""
    assert weights.too_early(case) is None


def silence(seconds: float, *after: str, expires: str = "0.5s") -> Case:
    """Return calls by the weights, then none for so long, then these."""
    config = {"loadBalancingConfig": [{"weighted_round_robin": {"weightExpirationPeriod": expires}}]}
    story = Story(gateway_variables={"GRPC_SERVICE_CONFIG": json.dumps(config)})
    for name, report in REPORTS.items():
        story.verb(1.1, "start", name, took=0.1, LOAD_REPORT=report)
    return story.calls(1.3, *TO_B * 3).calls(1.3 + 0.17 + seconds, *after).case()


def test_weights_after_a_silence() -> None:
    """No one confirmed them for longer than they count."""
    finding = weights.stale_weights(silence(0.8, *TO_B * 3))

    assert suspects(finding) == ("stale_weights",)
    assert finding is not None
    assert finding.seen == "after 0.8 s without a call, 12 attempts were spread 2/8/2"


@pytest.mark.parametrize(
    "case",
    [
        silence(0.8, *in_turn(12), *TO_B * 3),
        silence(0.4, *TO_B * 3),
        silence(0.8, *TO_B * 3, expires="60s"),
        silence(0.8, *TO_B[:5]),
    ],
    ids=["forgotten", "short silence", "long expiration", "few calls"],
)
def test_weights_that_may_be_used_or_are_not(case: Case) -> None:
    """Equal shares at first, or no reason for them."""
    assert weights.stale_weights(case) is None


def test_metrics_that_are_named_and_do_not_count() -> None:
    """By the named metric all are worth the same, by their processors b is worth four times as much."""
    reports = {name: f"{report},named_metrics.queue={4 if name == 'b' else 1}" for name, report in REPORTS.items()}
    named = {"metricNamesForComputingUtilization": ["named_metrics.queue"]}
    finding = weights.unexpected_shares(spread(*TO_B * 10, reports=reports, **named))

    assert suspects(finding) == ("no_named_metrics",)
    assert weights.unexpected_shares(spread(*in_turn(60), reports=reports, **named)) is None


def before_their_time(*trails: str, period: str = "30s") -> Case:
    """Return calls of a gateway that was started after the replicas had begun to report."""
    config = {"loadBalancingConfig": [{"weighted_round_robin": {"weightUpdatePeriod": period}}]}
    story = Story(gateway_variables={"GRPC_SERVICE_CONFIG": json.dumps(config)})
    for name, report in REPORTS.items():
        story.verb(1.1, "start", name, took=0.1, LOAD_REPORT=report)
    return story.verb(1.3, "fresh gateway", "gateway").calls(1.5, *trails).case()


def test_weights_that_are_made_too_often() -> None:
    """A gateway that is younger than its weightUpdatePeriod has made weights again."""
    finding = weights.updated_too_often(before_their_time(*in_turn(6), *TO_B * 3))

    assert suspects(finding) == ("weights_updated_too_often",)
    assert finding is not None
    assert finding.seen == "0.4 s after the gateway was started, 12 attempts were spread 2/8/2"


def test_weights_that_were_due_or_are_none() -> None:
    """The period has passed, or shares are equal."""
    assert weights.updated_too_often(before_their_time(*in_turn(6), *TO_B * 3, period="0.1s")) is None
    assert weights.updated_too_often(before_their_time(*in_turn(30))) is None
