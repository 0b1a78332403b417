"""The rules for replicas that fail and are not ejected, or always for the same time."""

import json
from collections.abc import Sequence

import pytest

from tests.behaviours.outliers import causes as outliers
from tests.harness.causes.case import Case, Sureness
from tests.unit.helpers.story import Story, in_turn, suspects

Part = tuple[float, float, str]
"""From when, until when, and the replicas that calls go to in turn."""


def configured() -> Story:
    """Return a gateway that was configured to detect outliers."""
    config = {"loadBalancingConfig": [{"outlier_detection_experimental": {"interval": "0.2s"}}]}
    return Story(gateway_variables={"GRPC_SERVICE_CONFIG": json.dumps(config)})


def load(parts: Sequence[Part], fails: str = "a", policy: str = "outlier_detection_experimental") -> Case:
    """Return a load of 50 calls a second whose calls fail on one replica, by a policy that looks every 0.2 s."""
    settings = {"interval": "0.2s", "baseEjectionTime": "0.6s", "maxEjectionTime": "2.6s"}
    config = {"loadBalancingConfig": [{policy: settings}]}
    story = Story(gateway_variables={"GRPC_SERVICE_CONFIG": json.dumps(config)})
    for since, until, names in parts:
        for number in range(round((until - since) * 50)):
            name = names[number % len(names)]
            code = "INTERNAL" if name in fails else "OK"
            story.call(since + number / 50, f"{name}:{code}", code=code, plan=f"INTERNAL@{fails}")
    return story.case()


def returning(*gaps: float) -> Case:
    """Return a load of which a is without calls so many times, for so many seconds each."""
    parts, at = [(1.1, 1.4, "abc")], 1.4
    for gap in gaps:
        parts += [(at, at + gap, "bc"), (at + gap, at + gap + 0.3, "abc")]
        at += gap + 0.3
    return load(parts)


def test_a_replica_that_fails_and_keeps_its_share() -> None:
    """For longer than three looks at it."""
    finding = outliers.not_ejected(load([(1.1, 2.3, "abc")]))

    assert suspects(finding) == ("not_ejected",)
    assert finding is not None
    assert finding.seen == "a failed 20 of 20 calls in 1.1 s and still got its share"


@pytest.mark.parametrize(
    "case",
    [
        load([(1.1, 1.5, "abc")]),
        load([(1.1, 1.5, "abc"), (1.5, 2.5, "bc")]),
        returning(0.6, 1.2),
        load([(1.1, 2.3, "abc")], fails=""),
        load([(1.1, 2.3, "abc")], fails="ab"),
        load([(1.1, 2.3, "abc")], policy="round_robin"),
    ],
    ids=["too soon to say", "ejected", "ejected and back", "none fails", "two fail", "not asked for"],
)
def test_replicas_that_need_not_be_ejected_or_are(case: Case) -> None:
    """Nothing is wrong with these."""
    assert outliers.not_ejected(case) is None


def test_a_second_ejection_that_is_no_longer_than_the_first() -> None:
    """It kept failing, so the second one should be twice as long."""
    finding = outliers.constant_ejection(returning(0.6, 0.6))

    assert suspects(finding) == ("constant_ejection_time",)
    assert finding is not None
    assert finding.seen.startswith("a was without calls 2 times, for 0.6")
    assert finding.sureness is Sureness.CERTAIN


def test_one_ejection_that_a_stall_prolonged() -> None:
    """Most were as long as the first; one that was longer leaves it likely."""
    finding = outliers.constant_ejection(returning(0.6, 1.05, 0.6))

    assert suspects(finding) == ("constant_ejection_time",)
    assert finding is not None
    assert finding.sureness is Sureness.LIKELY


@pytest.mark.parametrize(
    "case",
    [
        returning(0.6, 1.2),
        load([(1.1, 2.3, "abc")]),
        load([(1.1, 1.4, "abc"), (1.4, 2.0, "bc"), (2.0, 2.3, "abc")]),
    ],
)
def test_ejections_that_grow_or_are_not_two(case: Case) -> None:
    """Twice as long, none, one."""
    assert outliers.constant_ejection(case) is None


@pytest.mark.parametrize(("longest", "cause"), [(3.4, ("uncapped_ejection_time",)), (3.1, ())])
def test_an_ejection_longer_than_the_maximum(longest: float, cause: tuple[str, ...]) -> None:
    """Beyond the sweeps that it may have to wait for."""
    trail = [(1.1, 1.4, "abc"), (1.4, 1.4 + longest, "bc"), (1.4 + longest, 1.7 + longest, "abc")]

    assert suspects(outliers.uncapped_ejection(load(trail))) == cause


def blocked(limit: int, enforced: int, *, fails: str, names: str) -> Case:
    """Return 36 calls that fail on some replicas, the last 24 to these, by such a limit and enforcement."""
    policy = {"maxEjectionPercent": limit, "failurePercentageEjection": {"enforcementPercentage": enforced}}
    config = {"loadBalancingConfig": [{"outlier_detection_experimental": policy}]}
    story = Story(gateway_variables={"GRPC_SERVICE_CONFIG": json.dumps(config)})
    for number in range(36):
        among = "abc" if number < 12 else names
        name = among[number % len(among)]
        code = "INTERNAL" if name in fails else "OK"
        story.call(1.1 + number / 50, f"{name}:{code}", code=code, plan=f"INTERNAL@{fails}")
    return story.case()


@pytest.mark.parametrize(
    ("case", "cause", "seen"),
    [
        (
            blocked(30, 100, fails="bc", names="a"),
            "ejects_too_many",
            "b, c got none of the last calls, 2 of 3 replicas;",
        ),
        (
            blocked(50, 0, fails="a", names="bc"),
            "ejects_when_disabled",
            "a failed each call and got none of the last ones;",
        ),
    ],
)
def test_ejections_that_are_too_many_or_disabled(case: Case, cause: str, seen: str) -> None:
    """More than the limit, or any where none is to be enforced."""
    finding = outliers.too_many_ejected(case)

    assert suspects(finding) == (cause,)
    assert finding is not None
    assert finding.seen.startswith(seen)


@pytest.mark.parametrize(
    "case",
    [
        blocked(30, 100, fails="bc", names="ac"),
        blocked(50, 100, fails="bc", names="a"),
        blocked(50, 0, fails="a", names="abc"),
        load([(1.1, 2.3, "abc")]),
    ],
    ids=["one is allowed", "half and one more are allowed", "none ejected", "none ejected by default"],
)
def test_ejections_that_are_allowed(case: Case) -> None:
    """Or are none."""
    assert outliers.too_many_ejected(case) is None


def test_a_connection_that_is_closed_with_an_ejection() -> None:
    """No one did the replica any harm; it may be as soon as judging began."""
    story = (
        configured()
        .connected(0.5, "a", "pa", closed=1.2)
        .connected(0.5, "b", "pb")
        .call(1.1, "a:INTERNAL", plan="x", code="INTERNAL")
        .call(1.2, "b", plan="x")
    )
    finding = outliers.connection_dropped(story.case())

    assert suspects(finding) == ("connection_dropped",)
    assert finding is not None
    assert finding.seen == "the connection to a, which had failed calls, was closed after 0.7 s"


@pytest.mark.parametrize(
    "story",
    [
        configured().connected(0.5, "a", "pa").call(1.1, "a:INTERNAL", plan="x", code="INTERNAL"),
        configured()
        .connected(0.5, "b", "pb", closed=1.8)
        .call(1.1, "a:INTERNAL", plan="x", code="INTERNAL")
        .call(1.2, "b", plan="x"),
        configured()
        .connected(0.5, "a", "pa", closed=1.8)
        .verb(1.5, "kill", "a")
        .call(1.1, "a:INTERNAL", plan="x", code="INTERNAL"),
    ],
    ids=["open", "another's", "killed"],
)
def test_connections_that_are_kept_or_lost_for_a_reason(story: Story) -> None:
    """They say nothing about ejections."""
    assert outliers.connection_dropped(story.case()) is None


def below(policy: str) -> Story:
    """Return a gateway whose outlier detection has this policy below it."""
    config: dict[str, object] = {"loadBalancingConfig": [{outliers.POLICY: {"childPolicy": [{policy: {}}]}}]}
    return Story(gateway_variables={"GRPC_SERVICE_CONFIG": json.dumps(config)})


def test_calls_that_are_spread_in_spite_of_pick_first() -> None:
    """Several replicas were used, and nothing was done to any."""
    finding = outliers.spread(below("pick_first").calls(1.1, *in_turn(9)).case())

    assert suspects(finding) == ("not_pick_first",)
    assert finding is not None
    assert finding.seen == "9 attempts were spread 3/3/3"


def test_calls_that_are_rightly_spread_or_not_at_all() -> None:
    """One replica is right with pick_first, several with another policy, or once the first one is lost."""
    assert outliers.spread(below("pick_first").calls(1.1, *["a"] * 9).case()) is None
    assert outliers.spread(below("round_robin").calls(1.1, *in_turn(9)).case()) is None
    assert outliers.spread(below("pick_first").verb(1.15, "kill", "a").calls(1.1, *in_turn(9)).case()) is None
