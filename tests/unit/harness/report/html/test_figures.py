"""The figures of the page, on synthetic histories."""

import pytest

from tests.harness.evidence.history import History
from tests.harness.report.html import figures
from tests.unit.helpers.saved_report import REPLICAS, call, event, load, timeline, verb

ONE, TWO, THREE = REPLICAS


def _history(*parts: object) -> History:
    return History.of(timeline(*parts))  # type: ignore[arg-type]  # lines, in whatever iterable


def test_what_made_the_environment_ready_is_no_evidence() -> None:
    """Calls before the environment was ready are left out; a history that was never ready is taken whole."""
    history = _history(load(0.1, 3), load(0.7, 2))
    never = History.of([*verb("restore", "loopback", 0.0, None), *load(0.1, 3)])

    assert figures.began(history) == 0.5
    assert len(history.calls) == 5
    assert len(figures.proper(history).calls) == 2
    assert len(figures.proper(never).calls) == 3


def test_shares_count_ledgers_and_replies_apart() -> None:
    """A replica's attempts, those it refused, and the replies that name it; who only a reply names is listed last."""
    history = _history(
        call(0.6, "a", (0.0, ONE, "UNAVAILABLE"), (0.1, TWO, "OK")),
        call(0.7, "b", (0.0, ONE, "OK"), served_by="a stranger"),
        call(0.8, "c", (0.0, ONE, None), code=None),
    )

    assert figures.names(history) == [ONE, TWO, "a stranger"]
    assert figures.shares(history, figures.names(history)) == [
        figures.Share(ONE, 3, 2, 0),
        figures.Share(TWO, 1, 0, 1),
        figures.Share("a stranger", 0, 0, 1),
    ]


def test_replicas_stand_in_the_order_of_their_numbers() -> None:
    """Replica 10 comes after replica 9."""
    lines = [event(0.6, "replica serving", replica=f"order-service-{number}") for number in (10, 9, 1)]

    assert figures.in_ledgers(_history(lines)) == ["order-service-1", "order-service-9", "order-service-10"]


def test_a_scene_says_what_callers_saw_of_a_fault() -> None:
    """Failed calls, the last failure, the first even window and the replica's own calls, from confirmed on."""
    history = _history(
        load(0.6, 30),
        verb("kill", ONE, 1.0, 1.1),
        call(1.15, "lost", took=0.25, code="UNAVAILABLE"),
        load(1.2, 30, (TWO, THREE)),
        verb("start", ONE, 1.6, 2.0),
        load(2.0, 12, (TWO, THREE)),
        load(2.12, 30),
    )
    gone, back = figures.scenes(history)

    assert (gone.verb.verb, gone.calls, gone.failed, gone.over) == ("kill", 31, 1, (TWO, THREE))
    assert gone.last_failure == pytest.approx(0.3)
    assert gone.even_after == pytest.approx(0.1)
    assert gone.first_call is None
    assert (back.verb.verb, back.failed, back.last_failure, back.over) == ("start", 0, None, REPLICAS)
    assert back.even_after is not None
    assert 0.0 < back.even_after <= 0.12
    assert back.first_call == pytest.approx(0.12)


def test_a_scene_that_never_gets_even_says_so() -> None:
    """Where shares stay 2:1:1 there is no even window; where no calls came there is nothing to say."""
    uneven = _history(verb("kill", THREE, 0.6, 0.7), load(0.8, 60, (ONE, ONE, ONE, ONE, ONE, TWO)))
    silent = _history(verb("kill", THREE, 0.6, 0.7))

    assert figures.scenes(uneven)[0].even_after is None
    assert figures.scenes(silent)[0].over == ()


def test_a_fault_that_was_never_seen_has_no_scene() -> None:
    """What was only asked for is listed, and nothing is measured from it."""
    history = _history(load(0.6, 9), verb("pause", ONE, 0.8, None), load(0.9, 9))

    assert [each.verb for each in figures.faults(history)] == ["pause"]
    assert figures.scenes(history) == []


def test_a_connection_is_known_from_its_events_or_from_its_attempts() -> None:
    """Opened and closed by the ledger's events; without them there are only the attempts that came over it."""
    one = {"replica": ONE, "peer": "ipv4:127.0.0.1:51000"}
    history = _history(
        [event(0.55, "replica connection_opened", **one), event(0.9, "replica connection_closed", **one)],
        [event(0.55, "replica connection_opened", replica=ONE, peer="unused")],
        load(0.6, 6),
    )
    told, unused, two, three = figures.connections(history)

    assert (told.opened, told.closed, len(told.attempts)) == (0.55, 0.9, 2)
    assert (unused.peer, unused.attempts, unused.until(9.0)) == ("unused", (), 9.0)
    assert (two.replica, two.opened, two.closed, len(two.attempts)) == (TWO, None, None, 2)
    assert two.until(9.0) == two.attempts[-1] < 1.0
    assert three.since == three.attempts[0]


def test_a_connection_ends_with_its_replica() -> None:
    """A killed replica tells of no closed connection: it is gone when the replica is, unless it was made later."""
    one = {"replica": ONE, "peer": "ipv4:127.0.0.1:51000"}
    history = _history(
        [event(0.55, "replica connection_opened", **one)],
        verb("kill", ONE, 0.7, 0.8),
        verb("start", ONE, 0.9, 1.0),
        [event(1.1, "replica connection_opened", replica=ONE, peer="later")],
    )
    first, later = figures.connections(history)

    assert (first.closed, first.until(2.0)) == (0.8, 0.8)
    assert (later.closed, later.until(2.0)) == (None, 2.0)


def test_a_connection_to_a_replica_without_a_sign_of_life_is_none() -> None:
    """One from earlier, to a replica that is neither listed nor writes anything: it was killed before."""
    earlier = {"peer": "ipv4:127.0.0.1:51000", "earlier": True}
    history = _history(
        [event(0.0, "listed", replicas=[ONE])],
        [event(0.0, "replica connection_opened", replica=name, **earlier) for name in (ONE, TWO)],
    )

    assert figures.in_ledgers(history) == [ONE]
    assert [(each.replica, each.opened) for each in figures.connections(history)] == [(ONE, 0.0)]


def test_retries_are_told_by_attempts_header_and_gaps() -> None:
    """Attempts per call, what they said of those before them, and the median gap before each retry."""
    history = _history(
        call(0.6, "a", (0.0, ONE, "UNAVAILABLE"), (0.1, TWO, "UNAVAILABLE"), (0.3, THREE, "OK")),
        call(0.7, "b", (0.0, ONE, "UNAVAILABLE"), (0.12, TWO, "OK")),
        call(0.8, "c", (0.0, ONE, "OK")),
        call(0.9, "d", code="UNAVAILABLE"),
    )

    assert figures.per_call(history) == {0: 1, 1: 1, 2: 1, 3: 1}
    assert figures.said_before(history) == {"none": 3, "1": 2, "2": 1}
    assert figures.gaps(history) == pytest.approx([0.11, 0.2])
    assert [one.id for one in figures.telling(history)] == ["a", "b", "d"]


def test_a_verb_says_what_else_it_was_told() -> None:
    """Its own members as words: true by name, others with their value, none of the event's."""
    line = event(0.5, "asked", verb="start", on=ONE, moved=True, count=4, quiet=False)

    assert figures.extras(line) == "moved, count 4"
