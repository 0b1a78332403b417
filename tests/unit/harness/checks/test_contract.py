"""The contract's checks: what each convicts, and what looks like it and is legal."""

import dataclasses
from collections.abc import Sequence
from typing import Any

import pytest

from tests.harness.causes.case import Finding
from tests.harness.checks.check import Absent, Check
from tests.harness.checks.contract import (
    a_call_is_made_for_an_order_only,
    a_call_that_has_not_failed_is_not_repeated,
    a_failure_has_a_status_of_400_or_more,
    an_answer_comes_from_a_call,
    credentials_are_on_every_attempt,
    the_authority_is_the_target_and_not_an_address,
)
from tests.unit.helpers.story import PROMISES, Story

AGAIN: Any = {"previous": False, "gaps": (0.1,), "took": 0.2}
NEARLY_AT_ONCE: Any = AGAIN | {"gaps": (0.01,)}


def judged(check: Check, story: Story) -> str:
    """Return the cause that a check names, "absent", or "" if it holds."""
    verdict = check(story.case())
    return verdict.suspects[0] if isinstance(verdict, Finding) else "absent" if isinstance(verdict, Absent) else ""


def attempt(story: Story, order: str, **also: object) -> Story:
    """Let a replica receive a call with this id."""
    seen = {"id": order, "replica": "a", "peer": "pa", "code": "OK", "previous_attempts": None, "deadline_left": 1.0}
    return story.event(1.3, "replica attempt", **{**seen, **also})


def reply(story: Story, status: int, *attempts: str, code: str | None = None) -> Story:
    """Place an order that is answered with this status, with a document that is not the order."""
    story.call(1.4, *attempts, code="INTERNAL")
    story._lines[-1] |= {"status": status, "code": code, "message": f"HTTP {status}: {{}}"}
    return story


@pytest.mark.parametrize(
    ("order", "cause"),
    [
        ("warm-up", "own_calls"),
        ("", "own_calls"),
        ("o1-99", "own_calls"),  # in our format, of our caller, and never placed
        ("o1-1", ""),
        ("O1-1", ""),  # an order in another spelling
        ("o1%2D1~", ""),
        ("o0abc-7~OK", ""),  # of a caller of an earlier behaviour, which gave up waiting
        ("fence-1", ""),
    ],
)
def test_a_call_that_nobody_ordered_is_convicted(order: str, cause: str) -> None:
    """Not so one of another behaviour, one in another spelling, and the suite's own."""
    assert judged(a_call_is_made_for_an_order_only, attempt(Story().call(1.1, "a"), order)) == cause


def test_ids_that_are_all_others_accuse_nobody() -> None:
    """Something between gateway and replicas gives its own ids: whose calls they are cannot be known."""
    assert judged(a_call_is_made_for_an_order_only, attempt(Story().call(1.1), "x")) == "absent"


@pytest.mark.parametrize(
    ("streamed", "order", "cause"),
    [("o1-5~OK", "o1-5~OK", ""), ("o1-5~OK", "", "absent"), ("o1-5~OK", "warm-up", "absent"), ("", "", "own_calls")],
    ids=["its own", "without its id", "with another id", "no stream"],
)
def test_a_call_for_a_stream_was_ordered_too(streamed: str, order: str, cause: str) -> None:
    """Where none carries the id of a stream, those of the streams may be any of the others."""
    story = attempt(Story().call(1.1, "a"), order)
    if streamed:
        story.event(1.2, "stream", id=streamed)

    assert judged(a_call_is_made_for_an_order_only, story) == cause


def test_an_earlier_call_of_this_process_is_left_over() -> None:
    """A behaviour before this one gave up waiting for it; a later one that was never placed is a stranger."""
    story = Story().call(1.1).call(1.2, "a")
    placed = [call.id for call in story.case().history.calls]
    assert placed[0].partition("-")[2] < "3"

    assert judged(a_call_is_made_for_an_order_only, attempt(story, f"{placed[0].partition('-')[0]}-0")) == ""


@pytest.mark.parametrize(
    ("story", "cause"),
    [
        (Story().call(1.1, "a").call(1.2, served_by="a"), "answers_from_memory"),
        (Story().call(1.1, "a").again(1.2), "answers_from_memory"),
        (Story().call(1.1, "a:UNAVAILABLE"), "answers_from_memory"),  # answered OK without one that was
        (Story().call(1.1, "a").again(1.2, "b"), ""),
        (Story().call(1.1, "a:UNAVAILABLE", "b"), ""),
        (Story().call(1.1, "a").call(1.2, code="UNAVAILABLE"), ""),
        (Story().call(1.1, "a").call(1.2, served_by="a").event(2.0, "ledgers incomplete", message=""), "absent"),
        (Story().call(1.1, served_by="a"), "absent"),
    ],
)
def test_an_answer_without_a_call_is_convicted(story: Story, cause: str) -> None:
    """One from a cache and one that shares a call; not so where the ledgers may lack something."""
    assert judged(an_answer_comes_from_a_call, story) == cause


def test_the_last_lines_of_a_container_that_was_killed_may_be_lost() -> None:
    """Only on loopback does a ledger hold all that its replica wrote."""
    for environment, cause in (("compose", ""), ("loopback", "answers_from_memory")):
        story = Story().event(0.0, "began", environment=environment, slack=1.5).call(1.1, "b")
        story.call(1.2, served_by="a").verb(1.3, "kill", "a")
        assert judged(an_answer_comes_from_a_call, story) == cause


@pytest.mark.parametrize(
    ("story", "cause"),
    [
        (reply(Story(), 200, "a:INTERNAL"), "failures_as_success"),
        (reply(Story(), 302), "failures_as_success"),
        (reply(Story(), 200, "a"), "malformed_success"),
        (reply(Story(), 400, "a:INTERNAL"), ""),
        (reply(Story(), 599), ""),
        (Story().call(1.1, "a").call(1.2, code=None), ""),
        (Story(), "absent"),
    ],
)
def test_a_failure_with_a_status_of_success_is_convicted(story: Story, cause: str) -> None:
    """Whatever its status is, as long as it is below 400; no reply at all is for others to judge."""
    assert judged(a_failure_has_a_status_of_400_or_more, story) == cause


def linked(story: Story, **ends: float) -> Story:
    """Give the story a connection to each replica, which ends when told."""
    for name in "abc":
        story.connected(0.5, name, f"p{name}", closed=ends.get(name))
    return story


def served_by_hand(name: str) -> Story:
    """Return a story in which this replica is a hand-written peer, which may refuse what it receives."""
    return linked(Story()).event(1.1, "replica frame", replica=name)


@pytest.mark.parametrize(
    ("story", "cause"),
    [
        (linked(Story()).call(1.1, "a", "b", **AGAIN), "called_twice"),
        (linked(Story()).call(1.1, "a", "b", plan="OK:delay=400", **AGAIN), "repeated_call"),
        (linked(Story()).call(1.1, "a", "b", took=0.2), "repeated_call"),  # numbered as a retry, of a success
        (linked(Story()).call(1.1, "a:UNAVAILABLE", "b", **AGAIN), ""),
        (linked(Story()).call(1.1, "a:HANG", "b", **AGAIN), ""),
        (linked(Story(), a=1.15).call(1.1, "a", "b", **AGAIN), ""),  # its connection was lost
        (linked(Story(), a=2.9).call(1.1, "a", "b", **AGAIN), ""),  # and the replica had no CPU to report it
        (linked(Story(), a=9.0).call(1.1, "a", "b", **AGAIN), "called_twice"),
        (linked(Story()).verb(1.05, "stop", "a").call(1.1, "a", "b", **AGAIN), ""),  # for behaviours to judge
        (served_by_hand("a").call(1.1, "a", "b", **AGAIN), ""),
        (served_by_hand("b").call(1.1, "a", "b", **NEARLY_AT_ONCE), ""),  # either may have been the first
        (served_by_hand("b").call(1.1, "a", "b", gaps=(0.01,)), "repeated_call"),  # the second, by its number
        (served_by_hand("b").call(1.1, "a", "b", previous=False, gaps=(0.3,), took=0.4), "called_twice"),
        (linked(Story()).call(1.1, "a", "b", **NEARLY_AT_ONCE), "called_twice"),  # or during the first: undecided
        (linked(Story()).call(1.1, "a", "b", plan="CLOSE", **AGAIN), ""),
        (linked(Story()).call(1.1, "a", "b", previous=False, gaps=(1.4,), took=2.0), ""),  # after its deadline
        (linked(Story()).call(1.1, "a").again(1.3, "b"), ""),  # ordered twice
        (Story().call(1.1, "a", "b", **AGAIN), "absent"),
        (
            linked(Story(gateway_variables={"GRPC_SERVICE_CONFIG": '{"methodConfig":[{"hedgingPolicy":{}}]}'})).call(
                1.1, "a", "b", **AGAIN
            ),
            "absent",
        ),
    ],
)
def test_a_repeated_call_is_convicted(story: Story, cause: str) -> None:
    """One more attempt after one that a replica was answering, unless that one may have been lost, or it is hedged."""
    assert judged(a_call_that_has_not_failed_is_not_repeated, story) == cause


@pytest.mark.parametrize(
    ("authority", "cause"),
    [
        ("127.0.0.2:5000", "address_as_authority"),
        ("order-service:5000", ""),
        ("127.0.0.99:4000", ""),  # a proxy passes on the host of the request that it received
        (None, "absent"),
    ],
)
def test_an_address_as_the_authority_is_convicted(authority: str | None, cause: str) -> None:
    """One that the name server lists; a replica of gRPC's own server does not show it."""
    story = attempt(Story().call(1.1, "a"), "o1-1", authority=authority)

    assert judged(the_authority_is_the_target_and_not_an_address, story) == cause


TOKEN: list[str] = ["authorization"]


@pytest.mark.parametrize(
    ("carried", "cause"),
    [
        ((TOKEN, TOKEN, TOKEN), ""),
        ((TOKEN, [], []), "credentials_not_repeated"),
        ((TOKEN, TOKEN, []), "credentials_not_repeated"),
        ((["authorization", "cookie"], TOKEN), "credentials_not_repeated"),
        (([], TOKEN, TOKEN), ""),  # sent once the service has asked for it
        ((TOKEN,), ""),
        (([], []), "absent"),
    ],
)
def test_a_retry_without_the_credentials_of_its_call_is_convicted(carried: Sequence[list[str]], cause: str) -> None:
    """By the keys of the metadata; one that adds some is right."""
    story = Story().call(1.1)
    for credentials in carried:
        attempt(story, "o1-1", **({"credentials": credentials} if credentials else {}))

    assert judged(credentials_are_on_every_attempt, story) == cause
    if cause == "credentials_not_repeated":
        assert judged(credentials_are_on_every_attempt, story.again(2.0)) == ""


def test_promised_hedging_excuses_a_repeated_call() -> None:
    """Once subjects can promise it."""
    hedged = dataclasses.make_dataclass("Hedged", [("hedging", bool, True)], bases=(type(PROMISES),), frozen=True)
    case = linked(Story()).call(1.1, "a", "b", **AGAIN).case(hedged())

    assert isinstance(a_call_that_has_not_failed_is_not_repeated(case), Absent)


def own(story: Story) -> Story:
    """Make the subject one with a request of its own."""
    return story.event(0.5, "correlation", found="request bytes")


def test_a_subject_file_tells_what_a_success_is() -> None:
    """Statuses below 400 may be failures there."""
    assert judged(a_failure_has_a_status_of_400_or_more, own(reply(Story(), 302))) == "absent"


def test_an_answer_although_every_attempt_failed_is_a_failure_as_success() -> None:
    """A success of such a subject names nobody, so it may be made up."""
    story = own(Story().call(1.1, "a", code="UNAVAILABLE"))
    codes: dict[str, dict[str, Any]] = {
        "order": {"code": "OK", "status": 200},
        "replica attempt": {"code": "UNAVAILABLE"},
    }
    story._lines = [line | codes.get(str(line["event"]), {}) for line in story._lines]

    assert judged(an_answer_comes_from_a_call, story) == "failures_as_success"
