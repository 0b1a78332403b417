"""A black box is judged on the policy that it promises, in every environment, and not on another one's claims."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.harness.plugin.applying import functions, reason_against
from tests.harness.subject.keepalive import Keepalive
from tests.harness.subject.promises import POLICIES, Promises
from tests.harness.subject.subject import Subject

ENVIRONMENTS = ("loopback", "compose", "kind")
OTHER_POLICIES = [policy for policy in POLICIES if policy != "round_robin"]

RECOVERY = {
    "loopback": {
        "test_calls_move_from_a_lost_replica_under_the_promised_policy",
        "test_service_returns_after_outages_under_the_promised_policy",
        "test_a_replaced_fleet_is_found_under_the_promised_policy",
    },
    "compose": {
        "test_calls_move_from_an_unlisted_replica_under_the_promised_policy",
        "test_a_replaced_fleet_is_found_under_the_promised_policy",
    },
    "kind": {
        "test_calls_move_from_an_unlisted_replica_under_the_promised_policy",
        "test_a_replaced_fleet_is_found_under_the_promised_policy",
    },
}
"""What judges recovery where shares need not be even."""

IN_ANY = {name for names in RECOVERY.values() for name in names}

WHO_IS_CALLED = {
    "pick_first": {"test_a_promised_pick_first_sends_all_calls_to_one_replica"},
    "weighted_round_robin": {
        "test_every_replica_gets_calls_under_the_promised_policy",
        "test_weighted_round_robin_is_even_without_load_reports",
    },
    "ring_hash": set[str](),
    "least_request": {"test_every_replica_gets_calls_under_the_promised_policy"},
}
OF_ANY = {name for names in WHO_IS_CALLED.values() for name in names}


def judged(where: str, **promises: Any) -> dict[str, Sequence[pytest.Mark]]:  # noqa: ANN401, of many types
    """Return the marks of each behaviour that applies to a black box there, by its name."""
    subject = Subject("box", Path(), command=("box",), image="box", promises=Promises(**promises))
    return {
        function.behaviour.__name__: function.marks
        for function in functions()
        if not reason_against(function.marks, function.takes, where, subject)
    }


def of_core(behaviours: dict[str, Sequence[pytest.Mark]]) -> set[str]:
    """Return those that are not extended."""
    return {name for name, marks in behaviours.items() if "extended" not in {mark.name for mark in marks}}


@pytest.mark.parametrize("where", ENVIRONMENTS)
@pytest.mark.parametrize("policy", OTHER_POLICIES)
def test_recovery_is_judged_under_every_policy(where: str, policy: str) -> None:
    """In the core of each environment; a gateway that promises round_robin has behaviours for that alone."""
    core = of_core(judged(where, policy=policy))
    round_robin = of_core(judged(where))

    assert core >= RECOVERY[where]
    assert round_robin & IN_ANY == set()


@pytest.mark.parametrize("where", ENVIRONMENTS)
@pytest.mark.parametrize("policy", OTHER_POLICIES)
def test_who_is_called_is_judged_by_the_promised_policy(where: str, policy: str) -> None:
    """And by no other one."""
    assert of_core(judged(where, policy=policy)) & OF_ANY == WHO_IS_CALLED[policy]


@pytest.mark.parametrize("where", ENVIRONMENTS)
def test_what_is_judged_of_another_policy_does_not_need_spread_calls(where: str) -> None:
    """The theme distribution, which judges that they are spread, is round_robin's."""
    marks = {mark.name for found in judged(where, policy="pick_first").values() for mark in found}

    assert "given_spread_calls" not in marks


@pytest.mark.parametrize("where", ENVIRONMENTS)
def test_a_black_box_without_a_deadline_is_judged_on_what_needs_none(where: str) -> None:
    """What needs one is left out with that reason, and the rest stays."""
    with_one, without = judged(where), judged(where, call_timeout=0)
    subject = Subject("box", Path(), command=("box",), image="box", promises=Promises(call_timeout=0))
    left = [function for function in functions() if function.behaviour.__name__ in set(with_one) - set(without)]
    reasons = {reason_against(function.marks, function.takes, where, subject) for function in left}

    assert set(without) < set(with_one)
    assert reasons == {"the subject does not promise a deadline"}


@pytest.mark.parametrize("where", ["loopback", "compose"])
def test_a_black_box_without_keepalive_is_not_judged_on_it(where: str) -> None:
    """How long a frozen replica keeps its calls is nobody's promise then."""
    promised = "test_a_frozen_replica_is_dropped_within_the_promised_keepalive"
    subject_without = judged(where, keepalive=Keepalive(time=0))

    assert promised in judged(where)
    assert promised not in subject_without
