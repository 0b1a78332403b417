"""The checks of what a gateway uses: what each convicts, and the legal clients next to it."""

import pytest

from tests.harness.causes.case import Finding
from tests.harness.checks.check import Absent, Check
from tests.harness.checks.resources import (
    a_name_is_queried_with_an_interval,
    an_address_is_dialled_with_a_backoff,
    an_idle_gateway_uses_no_cpu,
    nothing_grows_without_bound,
    what_is_no_longer_listed_is_left,
)
from tests.harness.subject.promises import Promises
from tests.unit.helpers.story import ADDRESSES, PROMISES, Story, in_turn


def judged(check: Check, story: Story, promises: Promises = PROMISES) -> str:
    """Return the cause that a check names, "absent", or "" if it holds."""
    verdict = check(story.case(promises))
    return verdict.suspects[0] if isinstance(verdict, Finding) else "absent" if isinstance(verdict, Absent) else ""


def sampled(story: Story, at: float, pid: int = 7, **used: object) -> Story:
    """Add a sample."""
    usual = {"descriptors": 16, "callers": 0, "threads": 8, "cpu": 0.2, "waiting": 0.0, "memory": 1, "processes": 1}
    links = {"connections": dict.fromkeys(ADDRESSES, 1), "dialling": {}}
    return story.event(at, "resources", **{"pid": pid, **usual, **links, **used})


def quiet(seconds: float, cpu: float, waiting: float = 0.0, since: float = 5.0) -> Story:
    """Return a gateway that is left alone, and uses so much of each second."""
    story = Story().calls(1.1, *in_turn(6))
    for number in range(round(seconds * 2) + 1):
        sampled(story, since + number / 2, cpu=number / 2 * cpu, waiting=number / 2 * waiting)
    return story


@pytest.mark.parametrize(
    ("story", "cause"),
    [
        (quiet(3.0, cpu=1.0), "busy_loop"),
        (quiet(3.0, cpu=0.6), "busy_loop"),
        (quiet(4.0, cpu=0.3, waiting=0.7), "busy_loop"),  # it would use a core if the machine had one for it
        (quiet(4.0, cpu=0.3, waiting=0.1), ""),
        (quiet(8.0, cpu=0.02, waiting=0.9), ""),  # it wakes often, and waits its turn each time
        (quiet(3.0, cpu=0.05), ""),
        (quiet(1.5, cpu=1.0), "absent"),
        (quiet(2.5, cpu=1.0, since=0.5), "absent"),  # a JVM has just started
        (quiet(3.0, cpu=1.0).calls(6.5, *in_turn(60), every=0.05), "absent"),
        (quiet(3.0, cpu=1.0).verb(6.5, "kill", "a", took=1.5), "absent"),
    ],
)
def test_a_gateway_that_burns_cpu_while_it_is_idle_is_convicted(story: Story, cause: str) -> None:
    """Not so one that has just started, is called, or meets a fault; nor one that the machine keeps waiting."""
    assert judged(an_idle_gateway_uses_no_cpu, story) == cause


def dialled(every: float, *, answered: bool = False) -> Story:
    """Return a gateway that connects to one address at this interval for two seconds."""
    story = Story().calls(1.1, *in_turn(6))
    for number in range(round(2 / every)):
        at = 1.2 + number * every
        if answered:
            story.connected(at, "a", f"p{number}", closed=at + every)
        else:
            story.event(at, "dialled", address="127.0.0.9", then="close")
    return story


@pytest.mark.parametrize("answered", [False, True])
@pytest.mark.parametrize(("every", "cause"), [(0.001, "no_backoff"), (0.03, "no_backoff"), (0.08, ""), (1.0, "")])
def test_an_address_that_is_dialled_in_a_loop_is_convicted(every: float, cause: str, *, answered: bool) -> None:
    """Whether it closes or answers; a constant backoff of 100 ms with jitter is none."""
    assert judged(an_address_is_dialled_with_a_backoff, dialled(every, answered=answered)) == cause


def test_connections_that_calls_cut_may_be_made_again_immediately() -> None:
    """A client redials at once what it had: as many connections as calls that closed them."""
    story = Story()
    for number in range(90):
        story.connected(1.2 + number / 100, "a", f"p{number}", closed=1.205 + number / 100)
        story.call(1.2 + number / 100, f"a:OK:p{number}", plan="CLOSE", code="UNAVAILABLE")

    assert judged(an_address_is_dialled_with_a_backoff, story) == ""


def test_connections_that_were_there_before_are_no_dials() -> None:
    """The gateway of the last behaviour may have made one for each request, all of them open when this one began."""
    story = Story().calls(1.1, *in_turn(6))
    for number in range(40):
        story.event(0.0, "replica connection_opened", replica="a", peer=f"earlier {number}", earlier=True)

    assert judged(an_address_is_dialled_with_a_backoff, story) == ""


def test_without_a_record_of_dials_nothing_is_said() -> None:
    """A dead address leaves no trace."""
    assert judged(an_address_is_dialled_with_a_backoff, Story().calls(1.1, *in_turn(6))) == "absent"


def queried(*moments: float) -> Story:
    """Return a gateway that queries DNS at these moments."""
    story = Story()
    for at in moments:
        story.asked(at)
    return story


ROUNDS = [at + number / 100 for at in (1.0, 1.8, 3.1) for number in range(4)]
"""What c-ares sends to a server that fails, with the shortest waits that jitter gives."""


@pytest.mark.parametrize(
    ("moments", "floor", "refresh", "cause"),
    [
        ([1 + number / 20 for number in range(90)], 30.0, 0.0, "no_query_interval"),
        ([1 + number / 200 for number in range(800)], 0.5, 0.0, "no_query_interval"),
        (ROUNDS, 30.0, 0.0, ""),
        ([1 + number / 2 for number in range(20)], 0.5, 0.0, ""),
        ([1 + number / 12 for number in range(60)], 30.0, 0.0, ""),  # grpc-js with a backoff of 100 ms
        ([1 + number / 20 for number in range(90)], 30.0, 0.1, ""),  # promised polling
        ([1 + number / 20 for number in range(90)], 0.0, 0.0, "absent"),
        ([], 0.5, 0.0, "absent"),
    ],
)
def test_a_name_that_is_queried_in_a_loop_is_convicted(
    moments: list[float], floor: float, refresh: float, cause: str
) -> None:
    """Polling is allowed where it is promised, and so are the retries of resolvers."""
    promises = Promises(min_resolution_interval=floor, refresh_interval=refresh)

    assert judged(a_name_is_queried_with_an_interval, queried(*moments), promises) == cause


def test_each_gateway_has_queries_of_its_own() -> None:
    """Thirty fresh gateways in a row query once each."""
    story = Story()
    for number in range(60):
        story.verb(1 + number / 20, "fresh gateway", "gateway").asked(1.01 + number / 20)

    assert judged(a_name_is_queried_with_an_interval, story, Promises()) == ""


def unlisted(kept: float, *, dialled: float | None = None, others: int = 2, back: float | None = None) -> Story:
    """Return a gateway that learned at 2.0 that c is no longer listed, and was connected to it until `kept`."""
    story = Story().asked(0.4).asked(2.0, *ADDRESSES[:2])
    if back is not None:
        story.asked(back)
    if dialled is not None:
        story.event(dialled, "dialled", address=ADDRESSES[2], then="close")
    for number in range(80):
        at = 2.0 + number / 2
        story_links = [*ADDRESSES[:others], *([ADDRESSES[2]] if at < kept else [])]
        sampled(story, at, connections=dict.fromkeys(story_links, 1))
    return story


@pytest.mark.parametrize(
    ("story", "cause"),
    [
        (unlisted(40.0), "keeps_what_is_not_listed"),
        (unlisted(2.5, dialled=20.0), "dials_what_is_not_listed"),
        (unlisted(12.0), ""),  # grpc-js collects unused connections every ten seconds
        (unlisted(7.0, dialled=7.0), ""),
        (unlisted(40.0, back=10.0), ""),
        (unlisted(40.0, others=0), ""),  # nothing else is ready: it keeps to its old list
        (Story().asked(0.4).asked(2.0), "absent"),
        (Story(), "absent"),
    ],
)
def test_what_is_kept_or_dialled_though_it_is_not_listed_is_convicted(story: Story, cause: str) -> None:
    """Ten seconds after the gateway was told, and not while it has nothing else."""
    assert judged(what_is_no_longer_listed_is_left, story) == cause


def test_pick_first_may_keep_its_connection() -> None:
    """Until another one is ready."""
    promises = Promises(policy="pick_first")

    assert judged(what_is_no_longer_listed_is_left, unlisted(40.0), promises) == "absent"


@pytest.mark.parametrize(
    ("first", "last", "cause"),
    [
        ({"descriptors": 16}, {"descriptors": 116}, "leak"),
        ({"threads": 8}, {"threads": 108}, "leak"),
        ({"descriptors": 16, "threads": 8}, {"descriptors": 40, "threads": 60}, ""),
        ({"descriptors": None}, {"descriptors": None}, ""),
        ({}, {"pid": 8, "threads": 500}, "absent"),
    ],
)
def test_a_gateway_that_grows_is_convicted(first: dict[str, int], last: dict[str, int], cause: str) -> None:
    """By more than the threads of a runtime and what a resolver opens."""
    story = sampled(Story(), 1.05, **first).calls(1.1, *in_turn(6))

    assert judged(nothing_grows_without_bound, sampled(story, 3.0, **last)) == cause
