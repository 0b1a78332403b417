"""How streams get to other replicas than those at which they were opened, and what ends them in time."""

import pytest

from tests.behaviours.streams import causes
from tests.behaviours.streams.controls import ENDS_STREAMS
from tests.behaviours.streams.mutants import (
    STREAMS_STAY,
    STREAMS_TO_OLD_ADDRESSES,
    STREAMS_WITHOUT_DEADLINE,
    SWALLOWS_THE_END,
)
from tests.behaviours.streams.shared import LASTING, TICK, replicas_of, rounds_of, skip_unless_open
from tests.harness.behaviour import (
    TIMER,
    Budgets,
    Environment,
    Ledgers,
    Measured,
    Promises,
    Streams,
    eventually,
    explained_by,
)

pytestmark = [pytest.mark.extended, pytest.mark.feature("streams"), pytest.mark.promised("no hedging")]

AGE, GRACE = 0.8, 0.4
"""Seconds; a connection gets a GOAWAY at this age ± 10 %, and the streams on it are cut after the grace period."""

OLDEST = 1.1 * AGE

TIMEOUT = 1.0
"""Seconds: the deadline of streams that a configurable gateway is given."""

LONGEST = 120.0
"""*Choice.* Seconds: a longer deadline is not waited for."""


@pytest.mark.claims("ST-06", source="gRFC A9, MAX_CONNECTION_AGE: infinite grace; gRFC A61")
@pytest.mark.catches(STREAMS_TO_OLD_ADDRESSES)
@explained_by(causes.old_addresses)
@pytest.mark.promised("round_robin")
@pytest.mark.given_spread_calls
def test_new_streams_reach_an_added_replica_and_old_ones_stay(
    streams: Streams,
    environment: Environment,
    ledgers: Ledgers,
    names: list[str],
    budgets: Budgets,
    measured: Measured,
) -> None:
    """When connections reach their max age, new streams use an added replica too, and open ones continue."""
    within = OLDEST + budgets.rediscover
    skip_unless_open(len(names) + rounds_of(len(names) + 1, budgets.promises), budgets.promises, seconds=2 * within)
    environment.restart_replicas(MAX_CONNECTION_AGE_MS=f"{AGE * 1000:.0f}")
    environment.fresh_gateway()
    old = streams.open(len(names), plan=LASTING)
    environment.scale(len(names) + 1)
    added = next(replica.name for replica in environment.replicas if replica.name not in names)
    _wait_until_reached(added, names, streams, ledgers, budgets)
    kept = streams.seen(old)
    silence = TICK + budgets.promises.streams.delay + budgets.slack
    gap = max(stream.gap for stream in kept)
    measured(f"longest gap of {len(old)} streams that stayed {gap:.2f} s", bound=f"{silence:.2f} s; none ended")

    assert [stream for stream in kept if stream.ended is not None] == []
    assert gap <= silence


@pytest.mark.claims("ST-07", "F59", source="gRFC A9, MAX_CONNECTION_AGE_GRACE")
@pytest.mark.catches(STREAMS_STAY, SWALLOWS_THE_END, STREAMS_TO_OLD_ADDRESSES)
@explained_by(causes.stays, causes.swallowed, causes.old_addresses)
@pytest.mark.promised("round_robin", "streams end")
@pytest.mark.given_spread_calls
def test_long_streams_end_with_the_connection_age_grace_and_are_rebalanced(
    streams: Streams,
    environment: Environment,
    ledgers: Ledgers,
    names: list[str],
    budgets: Budgets,
    measured: Measured,
) -> None:
    """Max connection age and its grace end every stream, and those that are opened again reach an added replica."""
    environment.restart_replicas(
        MAX_CONNECTION_AGE_MS=f"{AGE * 1000:.0f}", MAX_CONNECTION_AGE_GRACE_MS=f"{GRACE * 1000:.0f}"
    )
    environment.fresh_gateway()
    lifetime = OLDEST + GRACE + budgets.slack + budgets.promises.streams.delay
    skip_unless_open(10 * len(names), budgets.promises, seconds=lifetime)
    first = streams.open(10 * len(names), plan=LASTING)
    environment.scale(len(names) + 1)
    added = next(replica.name for replica in environment.replicas if replica.name not in names)
    for look in eventually(within=lifetime, what="every stream has ended"):
        with look:
            assert [stream for stream in streams.seen(first) if stream.ended is None] == []
    longest = max((stream.ended or 0.0) - stream.opened for stream in streams.seen(first))
    _wait_until_reached(added, names, streams, ledgers, budgets)
    again = replicas_of(ledgers, streams.seen(streams.open(len(first), plan=LASTING)))
    share = [trail[-1] for trail in again.values() if trail].count(added)
    measured(
        f"streams lasted {longest:.2f} s at most; opened again, {share} of {len(first)} went to {added}",
        bound=f"{lifetime:.2f} s; at least 1",
    )

    assert share >= 1


def _wait_until_reached(added: str, names: list[str], streams: Streams, ledgers: Ledgers, budgets: Budgets) -> None:
    """Open streams until one reaches an added replica. Raises AssertionError if none does in time."""
    within = OLDEST + budgets.rediscover
    for look in eventually(within=within, every=0.2, what=f"a new stream reaches {added}"):
        with look:
            new = streams.open(rounds_of(len(names) + 1, budgets.promises), plan=LASTING)
            reached = replicas_of(ledgers, streams.seen(new))
            streams.hang_up(new)
            assert added in {replica for trail in reached.values() for replica in trail}


@pytest.mark.claims("ST-08", source="grpc/grpc doc/statuscodes.md, DEADLINE_EXCEEDED")
@pytest.mark.catches(STREAMS_WITHOUT_DEADLINE)
@explained_by(causes.no_deadline)
@pytest.mark.gateway(STREAM_TIMEOUT_MS=f"{TIMEOUT * 1000:.0f}")
def test_a_stream_ends_at_its_deadline(
    streams: Streams, ledgers: Ledgers, budgets: Budgets, measured: Measured
) -> None:
    """A stream whose deadline passes ends DEADLINE_EXCEEDED then, however recently a message arrived."""
    _judge_deadline(TIMEOUT, streams, ledgers, budgets, measured)


@pytest.mark.claims("ST-08", source="grpc/grpc doc/statuscodes.md, DEADLINE_EXCEEDED")
@pytest.mark.catches(STREAMS_WITHOUT_DEADLINE)
@pytest.mark.acquits(ENDS_STREAMS)
@explained_by(causes.no_deadline)
@pytest.mark.promised("stream deadline")
def test_a_stream_ends_at_its_promised_deadline(
    streams: Streams, ledgers: Ledgers, promises: Promises, budgets: Budgets, measured: Measured
) -> None:
    """
    A stream ends DEADLINE_EXCEEDED at the promised timeout of streams, however recently a message arrived.

    One of more than two minutes is not waited for.
    """
    timeout = promises.streams.timeout or TIMEOUT
    if timeout > LONGEST:
        pytest.skip(f"streams end after {timeout:g} s, and more than {LONGEST:g} s are not waited for")
    _judge_deadline(timeout, streams, ledgers, budgets, measured)


def _judge_deadline(timeout: float, streams: Streams, ledgers: Ledgers, budgets: Budgets, measured: Measured) -> None:
    ids = streams.open(3, plan=LASTING)
    most = timeout + budgets.slack + budgets.promises.streams.delay
    since = streams.seen(ids)[0].opened
    for look in eventually(within=most, what="the streams have ended, at the replicas too"):
        with look:
            assert [stream for stream in streams.seen(ids) if stream.ended is None] == []
            ledgers.attempts(since)  # reads the ledgers up to now
            assert {event["id"] for event in ledgers.events("stream_ended", since)} >= set(ids)
    ended = streams.seen(ids)
    lasted = [(stream.ended or 0.0) - stream.opened for stream in ended]
    measured(
        f"{', '.join(sorted({str(stream.code) for stream in ended}))} after {min(lasted):.2f} to {max(lasted):.2f} s",
        bound=f"after {timeout:.2f} to {most:.2f} s",
    )

    assert {stream.code for stream in ended} <= {"DEADLINE_EXCEEDED", None}
    assert min(lasted) >= timeout - TIMER
    assert max(lasted) <= most
